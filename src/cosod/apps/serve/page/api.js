// The API's documentation, drawn from the server's OpenAPI document.

const api = await (await fetch("openapi.json")).json();
const make = (tag, text, ...children) => {
  const element = document.createElement(tag);
  element.append(text, ...children);
  return element;
};
const schemaOf = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);
const typeOf = (schema = {}) =>
  schema.$ref?.split("/").pop() ?? schema.enum?.join(" | ") ?? schema.anyOf?.map(typeOf).filter((t) => t !== "null").join(" or ") ??
  (schema.type === "array" ? `list of ${typeOf(schema.items)}` : schema.type ?? "");

for (const paragraph of api.info.description.split("\n\n"))
  document.querySelector("#about").append(make("p", paragraph.replaceAll("`", "")));
document.querySelector("#example").textContent = `curl -F photos=@mug1.jpg -F photos=@mug2.jpg ${location.origin}/api/groups
curl -X POST ${location.origin}/api/groups/GROUP/job
curl ${location.origin}/api/groups/GROUP/job
curl -o results.zip ${location.origin}/api/groups/GROUP/zip
curl -X DELETE ${location.origin}/api/groups/GROUP`;

const sections = new Map();
for (const [path, verbs] of Object.entries(api.paths)) {
  for (const [verb, route] of Object.entries(verbs)) {
    const tag = route.tags[0];
    if (!sections.has(tag)) sections.set(tag, []);
    sections.get(tag).push(section(path, verb, route));
  }
}
for (const [tag, routes] of sections) document.querySelector("#routes").append(make("h2", tag), ...routes);

function section(path, verb, route) {
  const name = make("span", verb.toUpperCase());
  name.className = "verb";
  const element = make("section", make("h3", name, make("code", path)), make("p", route.description));
  const inputs = make("dl", "");
  for (const { name, schema, description } of (route.parameters ?? []).filter((p) => p.in === "query"))
    describe(inputs, name, schema, description);
  for (const kind of Object.keys(route.requestBody?.content ?? {})) describe(inputs, "body", { type: kind });
  if (inputs.children.length) element.append(inputs);
  for (const [status, answer] of Object.entries(route.responses)) element.append(answered(status, answer));
  return element;
}

function answered(status, answer) {
  const list = make("dl", "");
  const content = answer.content ?? {};
  const schema = schemaOf(content["application/json"]?.schema);
  const kinds = Object.keys(content).filter((kind) => kind !== "application/json" || schema?.properties);
  describe(list, status, { type: kinds.join(", ") }, schema?.description ?? answer.description);
  if (status < "300") for (const [name, part] of Object.entries(schema?.properties ?? {})) describe(list, `  .${name}`, part, part.description);
  return list;
}

function describe(list, name, schema, text = "") {
  const limits = schema?.default === undefined ? "" : `, ${schema.default} by default`;
  list.append(make("dt", name), make("dd", [typeOf(schema) + limits, text].filter(Boolean).join(". ")));
}
