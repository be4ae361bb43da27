// Turns and errors of OpenAI's SDK against the fakes at the URL given; prints one JSON document.
import OpenAI from "openai";

const [url, nowhere] = process.argv.slice(2);
const make = (more = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0, ...more });
const client = make();
const ask = (text, more = {}) => ({ model: "m", messages: [{ role: "user", content: text }], ...more });
const failed = async (make) => {
  try {
    await make();
    return { name: "none" };
  } catch (error) {
    const { status, code, type, message } = error;
    return { name: error.constructor.name, status, code, type, message };
  }
};
const drain = async (stream) => {
  const seen = [];
  for await (const event of await stream) seen.push(event);
  return seen;
};

const chat = async (stream) => {
  const first = ask("[[tools]]");
  const said = stream
    ? await client.chat.completions.stream({ ...first, stream_options: { include_usage: true } }).finalChatCompletion()
    : await client.chat.completions.create(first);
  const { message, finish_reason } = said.choices[0];
  const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "ok" }));
  const { role, content, tool_calls } = message;
  const history = [...first.messages, { role, content, tool_calls }, ...results];
  const done = await client.chat.completions.create({ model: "m", messages: history });
  return {
    text: content,
    stop: finish_reason,
    calls: tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
    tokens: said.usage.total_tokens,
    after: done.choices[0].message.content,
  };
};

const responses = async (stream) => {
  const first = [{ role: "user", content: "[[tools]]" }];
  const said = stream
    ? await client.responses.stream({ model: "m", input: first }).finalResponse()
    : await client.responses.create({ model: "m", input: first });
  const calls = said.output.filter((item) => item.type === "function_call");
  const outputs = calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "ok" }));
  const plain = JSON.parse(JSON.stringify(said.output));
  const items = plain.map(({ parsed, parsed_arguments, ...item }) => item);
  const done = await client.responses.create({ model: "m", input: [...first, ...items, ...outputs] });
  return {
    text: said.output_text,
    stop: said.status,
    thought: said.output.find((item) => item.type === "reasoning").summary[0].text,
    calls: calls.map((call) => [call.name, JSON.parse(call.arguments)]),
    tokens: said.usage.total_tokens,
    after: done.output_text,
  };
};

const asks = {
  chat: (text, more, on = client) => on.chat.completions.create(ask(text, more)),
  responses: (text, more, on = client) => on.responses.create({ model: "m", input: text, ...more }),
};
const found = {
  turns: { chat: await chat(false), "chat streamed": await chat(true) },
  errors: {},
  models: (await client.models.list()).data.map((model) => model.id),
};
found.turns.responses = await responses(false);
found.turns["responses streamed"] = await responses(true);
for (const [name, create] of Object.entries(asks)) {
  const errors = (found.errors[name] = {});
  for (const code of JSON.parse(process.argv[4])) errors[code] = await failed(() => create(`[[s${code}]]`));
  errors.refused = await failed(() => create("x", { temperature: 3 }));
  errors.nowhere = await failed(() => create("x", {}, make({ baseURL: nowhere })));
  errors.reset = await failed(() => create("[[reset]]"));
  errors.timeout = await failed(() => create("[[stalled]]", {}, make({ timeout: 300 })));
  errors.torn = await failed(() => drain(create("[[torn]]", { stream: true })));
  errors.cut = await failed(() => drain(create("[[cut]]", { stream: true })));
}
found.errors.chat.midway = await failed(() => drain(asks.chat("[[limited]]", { stream: true })));
found.failed = (await drain(asks.responses("[[limited]]", { stream: true }))).at(-1).type;
const queued = await client.responses.create({ model: "m", input: "x", background: true });
const done = await client.responses.retrieve(queued.id);
found.stored = [queued.status, done.status, (await client.responses.cancel(queued.id)).status];
found.again = (await drain(client.responses.retrieve(queued.id, { stream: true }))).map((event) => event.type);
await client.responses.delete(queued.id);
found.gone = await failed(() => client.responses.retrieve(queued.id));
console.log(JSON.stringify(found));
