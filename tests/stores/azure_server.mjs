// A server that speaks as Azure Blob Storage does (Azurite) on a free loopback port, with one container, kept in memory.
// usage: azure_server.mjs CONTAINER. Prints its port, and ends when standard input is closed.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";

// The emulator's account, which is the same everywhere and no secret.
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const program = createRequire(import.meta.url).resolve("azurite/dist/src/blob/main.js");
const options = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"];
const server = spawn(process.execPath, [program, ...options], { stdio: ["ignore", "pipe", "inherit"] });

for await (const line of createInterface({ input: server.stdout })) {
  const port = line.match(/listens on http:\/\/127\.0\.0\.1:(\d+)/)?.[1];
  if (port !== undefined) {
    const credential = new StorageSharedKeyCredential(ACCOUNT, KEY);
    const service = new BlobServiceClient(`http://127.0.0.1:${port}/${ACCOUNT}`, credential);
    await service.createContainer(process.argv[2]);
    console.log(port);
    break;
  }
}
server.stdout.resume();
process.stdin.resume().on("end", () => server.kill());
