// Takes publications as the gateway's admin API does: POST requests on a kept-alive connection, pipelined.
const net = require("node:net");

const END = Buffer.from("\r\n\r\n");
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"seq":1}';

// Calls `publish` with each request's body, filled up with spaces to `size` bytes.
exports.listen = (port, size, publish) => {
  net.createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
      for (;;) {
        const end = rest.indexOf(END);
        if (end < 0) return;
        const head = rest.toString("latin1", 0, end);
        const length = Number(/content-length: *(\d+)/i.exec(head)[1]);
        const body = end + END.length;
        if (rest.length < body + length) return;
        publish(rest.toString("utf8", body, body + length).padEnd(size));
        socket.write(ANSWER);
        rest = rest.subarray(body + length);
      }
    });
  }).listen(port, "127.0.0.1");
};
