// Turns and errors of Anthropic's SDK against the fakes at the URL given; prints one JSON document.
import Anthropic from "@anthropic-ai/sdk";

const [url, nowhere] = process.argv.slice(2);
const make = (more = {}) => new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0, ...more });
const client = make();
const ask = (text, more = {}) => ({ model: "m", max_tokens: 64, messages: [{ role: "user", content: text }], ...more });
const failed = async (make) => {
  try {
    await make();
    return { name: "none" };
  } catch (error) {
    const { status, type, message } = error;
    return { name: error.constructor.name, status, type, message };
  }
};

const turn = async (stream) => {
  const first = ask("[[tools]]");
  const said = stream ? await client.messages.stream(first).finalMessage() : await client.messages.create(first);
  const calls = said.content.filter((block) => block.type === "tool_use");
  const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "ok" }));
  const content = JSON.parse(JSON.stringify(said.content)).map(({ parsed, ...block }) => block);
  const history = [...first.messages, { role: "assistant", content }, { role: "user", content: results }];
  const done = await client.messages.create({ model: "m", max_tokens: 64, messages: history });
  return {
    text: said.content.find((block) => block.type === "text").text,
    stop: said.stop_reason,
    thought: said.content.find((block) => block.type === "thinking").thinking,
    calls: calls.map((call) => [call.name, call.input]),
    tokens: said.usage.output_tokens,
    after: done.content[0].text,
  };
};

const create = (text, more, on = client) => on.messages.create(ask(text, more));
const final = (text) => client.messages.stream(ask(text)).finalMessage();
const errors = {};
for (const code of JSON.parse(process.argv[4])) errors[code] = await failed(() => create(`[[s${code}]]`));
errors.refused = await failed(() => create("x", { max_tokens: -1 }));
errors.nowhere = await failed(() => create("x", {}, make({ baseURL: nowhere })));
errors.reset = await failed(() => create("[[reset]]"));
errors.timeout = await failed(() => create("[[stalled]]", {}, make({ timeout: 300 })));
errors.torn = await failed(() => final("[[torn]]"));
errors.cut = await failed(() => final("[[cut]]"));
errors.early = await failed(() => final("[[early]]"));
errors.midway = await failed(() => final("[[overloaded]]"));
const counted = await client.messages.countTokens({ model: "m", messages: ask("x".repeat(400)).messages });
console.log(
  JSON.stringify({
    turns: { messages: await turn(false), "messages streamed": await turn(true) },
    errors: { messages: errors },
    models: (await client.models.list()).data.map((model) => model.id),
    counted: counted.input_tokens,
  }),
);
