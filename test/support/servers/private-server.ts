import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { chmod, mkdtemp, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reservePort } from './reserve-port.ts';
import { Watchdog } from './watchdog.ts';

/** A private server on a loopback port, with its data in a temporary folder. It ends with this process, even if that is killed. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The pid of the server; the last one while it is stopped. */
  readonly pid: number;
  /** Stops it gracefully; does nothing if it does not run. */
  stop(): Promise<void>;
  /** Restarts it on the same port and data; resolves when it answers. */
  start(): Promise<void>;
  /** Kills it with SIGKILL: data that is not on disk is lost. */
  kill(): Promise<void>;
}

/** How a server is run. */
export interface Program {
  readonly binary: string;
  args(folder: string, port: number): string[];
  /** Added to this process's environment; called before every start. */
  env?(folder: string): Promise<Record<string, string>>;
  /** Prepares the data folder `data` before the first start. */
  prepare(folder: string): Promise<void>;
  /** The request that is sent to it, and the answer that shows that it serves. */
  readonly ready: { readonly say: string; answered(bytes: Buffer): boolean };
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const REPLY_TIMEOUT_MS = 2_000;
/** A server that is still loading only reports that: it is asked again soon. */
const PROBE_TIMEOUT_MS = 100;

/** A server process in its own folder, on one port for its lifetime. */
export class PrivateServer {
  readonly folder: string;
  readonly #program: Program;
  readonly #watchdog: Watchdog;
  #port = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, program: Program) {
    this.folder = folder;
    this.#program = program;
    this.#watchdog = new Watchdog(folder);
  }

  /** Prepares the data and starts the server; resolves when it answers. */
  static async start(name: string, program: Program): Promise<PrivateServer> {
    const folder = await mkdtemp(join(tmpdir(), `autosession-${name}-`));
    await chmod(folder, 0o755); // the server may run as another user
    const server = new PrivateServer(folder, program);
    try {
      await program.prepare(folder);
      await server.#startOnFreePort();
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** A program outside the tests may take the port before the server does: the server then exits, and gets another port. */
  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await reservePort();
      try {
        return await this.run();
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  /** Starts the process on its port; resolves when it answers, throws with its log when it ends instead. */
  async run(): Promise<void> {
    if (this.#isRunning()) return;
    const log = openSync(join(this.folder, 'log'), 'a');
    const own = await this.#program.env?.(this.folder);
    const child = spawn(this.#program.binary, this.#program.args(this.folder, this.#port), {
      env: { ...process.env, ...own },
      stdio: ['ignore', log, log],
      detached: true, // Ctrl+C reaches only the tests, which stop their servers
    });
    child.unref();
    this.#child = child;
    this.#watchdog.guard(child.pid);
    this.#exited = once(child, 'exit').finally(() => this.#watchdog.guard(undefined));
    this.#exited.catch(() => {});
    const until = Date.now() + READY_TIMEOUT_MS;
    while (!(await this.#isReady())) {
      if (!this.#isRunning() || Date.now() > until) {
        await this.kill();
        throw new Error(`${this.#program.binary} did not start: ${(await this.#readLog()).slice(-2_000)}`);
      }
      await delay(10);
    }
  }

  async #isReady(): Promise<boolean> {
    const { say, answered } = this.#program.ready;
    return this.request(say, answered, PROBE_TIMEOUT_MS).then(
      () => true,
      () => false,
    );
  }

  async #readLog(): Promise<string> {
    return readFile(join(this.folder, 'log'), 'utf8').catch(() => '');
  }

  #isRunning(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async stop(): Promise<void> {
    await this.#terminate('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#terminate('SIGKILL');
  }

  async #terminate(signal: NodeJS.Signals): Promise<void> {
    if (!this.#isRunning()) return;
    this.#child?.ref();
    this.#child?.kill(signal);
    const killTimer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited.catch(() => {});
    clearTimeout(killTimer);
  }

  async dispose(): Promise<void> {
    await this.stop();
    await this.#watchdog.release();
  }

  /** Sends a request on a new connection; resolves at the expected answer. */
  request(say: string, answered: (bytes: Buffer) => boolean, withinMs = REPLY_TIMEOUT_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1', () => socket.write(say));
      let bytes = Buffer.alloc(0);
      socket.setTimeout(withinMs, () => socket.destroy());
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (answered(bytes)) {
          resolve();
          socket.destroy();
        }
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`port ${this.#port} did not answer as expected`)));
    });
  }

  /** The server with its specific members. */
  toServer<Special extends { url(port: number): string }>(extras: Special): Server & Omit<Special, 'url'> {
    const self = this;
    return {
      ...extras,
      url: extras.url(this.#port),
      port: this.#port,
      get pid() {
        return self.#child?.pid ?? 0;
      },
      stop: () => this.stop(),
      start: () => this.run(),
      kill: () => this.kill(),
      [Symbol.asyncDispose]: () => this.dispose(),
    };
  }
}
