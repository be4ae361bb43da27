// What an SDK's own type says of a body on the wire: enums as their strings, and without what the SDK itself adds.
// A response that is not finished has a null usage on the wire, which the type leaves out.
import type Anthropic from "@anthropic-ai/sdk";
import type { GenerateContentResponse } from "@google/genai";
import type OpenAI from "openai";

type Raw<T> = T extends string
  ? `${T}`
  : T extends object
    ? { [K in keyof T as K extends "output_text" ? never : K]: K extends "usage" ? Raw<T[K]> | null : Raw<T[K]> }
    : T;
type Chunk = Pick<GenerateContentResponse, "candidates" | "usageMetadata" | "modelVersion" | "responseId">;

export interface Sent {
  anthropic: Raw<Anthropic.RawMessageStreamEvent | Anthropic.Message>[];
  chat: Raw<OpenAI.Chat.ChatCompletionChunk | OpenAI.Chat.ChatCompletion>[];
  responses: Raw<OpenAI.Responses.ResponseStreamEvent | OpenAI.Responses.Response>[];
  gemini: Raw<Chunk>[];
}
