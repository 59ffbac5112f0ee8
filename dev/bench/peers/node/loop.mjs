// A runtime loop over one connection: kinder to Node than Lambda's own.
import http from "node:http";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  const headers = body && { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { host, port, method, path: `/2018-06-01/runtime${path}`, agent, headers };
    const request = http.request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (text += part));
      response.on("end", () => resolve([response.headers, text]));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const { handler } = await import(pathToFileURL(process.argv[2]));
for (;;) {
  const [headers, event] = await call("GET", "/invocation/next");
  const invocation = `/invocation/${headers["lambda-runtime-aws-request-id"]}`;
  try {
    await call("POST", `${invocation}/response`, JSON.stringify(await handler(JSON.parse(event))));
  } catch (error) {
    await call("POST", `${invocation}/error`, JSON.stringify({ errorMessage: String(error) }));
  }
}
