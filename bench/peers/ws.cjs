// A fan-out server on Node's `ws`: node ws.cjs CLIENTS-PORT PUBLICATIONS-PORT BYTES
const { WebSocketServer } = require("ws");
const [clients, publications, size] = process.argv.slice(2).map(Number);

const subscribed = new Set();
const server = new WebSocketServer({ host: "127.0.0.1", port: clients, perMessageDeflate: false });
server.on("connection", (client) => {
  client.send('{"type":"welcome"}');
  client.on("error", () => {});
  client.on("close", () => subscribed.delete(client));
  client.on("message", () => {
    subscribed.add(client);
    client.send('{"type":"subscribed","id":1}');
  });
});

require("./publications.cjs").listen(publications, size, (text) => {
  const message = Buffer.from(text);
  for (const client of subscribed) client.send(message, { binary: false });
});
