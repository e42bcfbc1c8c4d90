// Reads a JSON list of texts in Discord's Markdown and prints what Discord would show of each; formatting is
// printed as {kind:text}, such as {strong:Look}.
const { parse } = require("discord-markdown-parser");

const SHOWN_AS_THEY_ARE = new Set(["text", "url", "autolink", "twemoji"]);

function shown(node) {
  if (Array.isArray(node)) return node.map(shown).join("");
  if (typeof node === "string") return node;
  if (node.type === "br") return "\n";
  const inner = node.content === undefined ? (node.name ?? "") : shown(node.content);
  return SHOWN_AS_THEY_ARE.has(node.type) ? inner : `{${node.type}:${inner}}`;
}

let input = "";
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
  const texts = JSON.parse(input);
  process.stdout.write(JSON.stringify(texts.map((text) => shown(parse(text, "extended")))));
});
