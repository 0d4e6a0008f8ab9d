// A fan-out server on Bun's own WebSockets: bun bun.cjs CLIENTS-PORT PUBLICATIONS-PORT BYTES
const [clients, publications, size] = process.argv.slice(2).map(Number);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: clients,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no WebSocket", { status: 400 })),
  websocket: {
    open: (client) => void client.send('{"type":"welcome"}'),
    message: (client) => {
      client.subscribe("b");
      client.send('{"type":"subscribed","id":1}');
    },
  },
});

require("./publications.cjs").listen(publications, size, (text) => server.publish("b", text));
