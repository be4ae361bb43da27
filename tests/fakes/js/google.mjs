// Turns and errors of Google's SDK against the fakes at the URL given; prints one JSON document.
import { GoogleGenAI } from "@google/genai";

const [url, nowhere] = process.argv.slice(2);
const make = (more = {}) =>
  new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url, retryOptions: { attempts: 1 }, ...more } });
const client = make();
const contents = (text) => [{ role: "user", parts: [{ text }] }];
const failed = async (make) => {
  try {
    await make();
    return { name: "none" };
  } catch (error) {
    const { status, message } = error;
    return { name: error.name, status, message };
  }
};
const drain = async (stream) => {
  const seen = [];
  for await (const event of await stream) seen.push(event);
  return seen;
};
const one = (text, on = client) => on.models.generateContent({ model: "m", contents: contents(text) });
const streamed = async (text) =>
  drain(client.models.generateContentStream({ model: "m", contents: contents(text) }));

const turn = async (stream) => {
  const chunks = stream ? await streamed("[[tools]]") : [await one("[[tools]]")];
  const parts = chunks.flatMap((chunk) => chunk.candidates[0].content.parts);
  const calls = parts.flatMap((part) => part.functionCall ?? []);
  const answers = calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { ok: true } } }));
  const history = [...contents("[[tools]]"), { role: "model", parts }, { role: "user", parts: answers }];
  const done = await client.models.generateContent({ model: "m", contents: history });
  const said = (thought) => parts.filter((part) => part.text && !!part.thought === thought);
  return {
    text: said(false).map((part) => part.text).join(""),
    stop: chunks.at(-1).candidates[0].finishReason,
    thought: said(true).map((part) => part.text).join(""),
    calls: calls.map((call) => [call.name, call.args]),
    tokens: chunks.at(-1).usageMetadata.totalTokenCount,
    after: done.text,
  };
};

const errors = {};
for (const code of JSON.parse(process.argv[4])) errors[code] = await failed(() => one(`[[s${code}]]`));
errors.refused = await failed(() =>
  client.models.generateContent({ model: "m", contents: contents("x"), config: { temperature: 3 } }),
);
errors.nowhere = await failed(() => one("x", make({ baseUrl: nowhere })));
errors.reset = await failed(() => one("[[reset]]"));
errors.timeout = await failed(() => one("[[stalled]]", make({ timeout: 300 })));
errors.torn = await failed(() => streamed("[[torn]]"));
errors.cut = await failed(() => streamed("[[cut]]"));
errors.midway = await failed(() => streamed("[[unavailable]]"));
const models = [];
for await (const model of await client.models.list()) models.push(model.name);
const counted = await client.models.countTokens({ model: "m", contents: contents("x".repeat(400)) });
console.log(
  JSON.stringify({
    turns: { generateContent: await turn(false), "generateContent streamed": await turn(true) },
    errors: { generateContent: errors },
    models,
    counted: counted.totalTokens,
  }),
);
