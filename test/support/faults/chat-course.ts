import { setTimeout as delay } from 'node:timers/promises';
import { chatFrames } from '../chat-steps.ts';

/** What a change of control was answered. */
interface Acknowledged {
  /** When the answer came, by performance.now(). */
  readonly at: number;
  readonly interrupted?: { readonly message_id: string; readonly content: string; readonly complete: boolean };
}

/** What one stream gave its client: of one answer at a time. */
interface Received {
  text: string;
  messageId: string;
}

/** Text that was handed out before a change was acknowledged may still travel through the gateway for so long. */
const TRAVEL_MS = 400;
const TIMEOUT_MS = 20_000;

/**
 * One chat under random commands, over gateways that may answer with errors because processes die. It checks what its clients
 * were given against what the acknowledged changes of control said.
 */
export class ChatCourse {
  readonly name: string;
  readonly broken: string[] = [];
  /** What happened, so that a test can tell a run that proves something. */
  readonly counts = { deltas: 0, changes: 0, interruptedReplies: 0 };
  /** Messages that were acknowledged as stored, by id. */
  readonly stored = new Map<string, string>();
  readonly #gateways: () => string;
  readonly #random: () => number;
  readonly #streams = new Set<Received>();
  readonly #reading: Promise<void>[] = [];
  /** The last acknowledged change that took control from the bot; undefined once control may have returned. */
  #silentSince: Acknowledged | undefined;
  #agent: string | undefined;
  #sent = 0;

  constructor(name: string, gateways: () => string, random: () => number) {
    this.name = name;
    this.#gateways = gateways;
    this.#random = random;
  }

  /** Runs this many random steps, and then gives control back to the bot. */
  async run(steps: number): Promise<void> {
    const actions = [
      () => this.ask(),
      () => this.ask(),
      () => this.ask(),
      () => this.#takeOver(),
      () => this.#takeOver(),
      () => this.#command(`/api/manual/escalate`, { session_name: this.name }, true),
      () => this.#command(`/api/sessions/${this.name}/pause`, {}, true),
      () => this.#giveBack(`/api/sessions/${this.name}/resume`, {}),
      () => this.#release(),
      () => this.#release(),
      () => this.#tell(),
    ];
    await this.ask();
    for (let step = 0; step < steps; step++) {
      await delay(this.#random() * 400); // between two commands of people
      await actions[Math.floor(this.#random() * actions.length)]!();
    }
    await this.finish();
  }

  /** Gives control back until that is acknowledged, and waits for the streams. */
  async finish(): Promise<void> {
    for (let attempt = 0; attempt < 40; attempt++) {
      const status = await this.#status();
      if (status === 'bot_active' || status === 'none') break;
      await this.#release();
      await this.#giveBack(`/api/sessions/${this.name}/resume`, {});
      await delay(250); // processes may be starting again
    }
    await this.#giveBack(`/api/sessions/${this.name}/resume`, {});
    await Promise.allSettled(this.#reading);
  }

  /** Sends a message and reads the answer's stream beside what follows. */
  async ask(): Promise<void> {
    const id = `${this.name}-${++this.#sent}`;
    const text = this.#random() < 0.1 ? `故障 ${id}` : `问题 ${id}`;
    const received: Received = { text: '', messageId: '' };
    this.#streams.add(received);
    const body = { message: text, user_id: this.name, client_message_id: id };
    const began = Promise.withResolvers<void>();
    this.#reading.push(
      this.#readStream(body, received, began.resolve, () => this.stored.set(id, text)).finally(began.resolve),
    );
    await Promise.race([began.promise, delay(1_500)]);
  }

  async #readStream(body: object, received: Received, began: () => void, stored: () => void): Promise<void> {
    try {
      const response = await fetch(`${this.#gateways()}/api/chat/stream`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok || !response.body) return;
      let rest = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        rest += chunk;
        const end = rest.lastIndexOf('\n\n');
        if (end < 0) continue;
        for (const frame of chatFrames(rest.slice(0, end))) {
          stored(); // every frame says that the message is stored
          began();
          if (frame.type === 'message') this.#receive(received, frame.content ?? '', String(frame.message_id));
        }
        rest = rest.slice(end + 2);
      }
    } catch {
      // a process died, or the answer takes too long
    }
  }

  #receive(received: Received, text: string, messageId: string): void {
    const now = performance.now();
    received.text = received.messageId === messageId ? received.text + text : text;
    received.messageId = messageId;
    this.counts.deltas += 1;
    const silent = this.#silentSince;
    if (silent && now > silent.at + TRAVEL_MS)
      this.broken.push(`${this.name}: "${text}" came ${Math.round(now - silent.at)} ms after control was taken`);
  }

  async #takeOver(): Promise<void> {
    const agent = `agent_${Math.floor(this.#random() * 2)}`;
    const took = await this.#command(
      `/api/sessions/${this.name}/takeover`,
      { agent_id: agent, agent_name: agent },
      true,
    );
    if (took) this.#agent = agent;
  }

  async #tell(): Promise<void> {
    if (!this.#agent) return;
    const agent_info = { agent_id: this.#agent, agent_name: this.#agent };
    const id = `${this.name}-${++this.#sent}`;
    const body = { session_name: this.name, role: 'agent', content: `人 ${id}`, agent_info, client_message_id: id };
    if ((await this.#post('/api/manual/messages', body)).status === 200) this.stored.set(id, `人 ${id}`);
  }

  async #release(): Promise<void> {
    for (const agent of ['agent_0', 'agent_1'])
      await this.#giveBack(`/api/sessions/${this.name}/release`, { agent_id: agent });
  }

  /** A command that may return control to the bot: from when it is sent on, the bot may speak. */
  async #giveBack(path: string, body: object): Promise<void> {
    this.#silentSince = undefined;
    await this.#post(path, body);
    const status = await this.#status();
    if (status === 'pending_manual' || status === 'manual_live') this.#silentSince = { at: performance.now() };
  }

  async #command(path: string, body: object, takesControl: boolean): Promise<boolean> {
    const answer = await this.#post(path, body);
    if (answer.status !== 200) return false;
    const { data } = answer.body;
    if (takesControl) this.#silence({ at: performance.now(), interrupted: data.interrupted_reply ?? undefined });
    return true;
  }

  /** What clients were given of the interrupted answer begins what the acknowledgement says was handed out. */
  #silence(change: Acknowledged): void {
    this.#silentSince = change;
    const { interrupted } = change;
    this.counts.changes += 1;
    if (interrupted) this.counts.interruptedReplies += 1;
    if (!interrupted?.complete) return;
    for (const stream of this.#streams) {
      if (stream.messageId !== interrupted.message_id || interrupted.content.startsWith(stream.text)) continue;
      this.broken.push(`${this.name}: a client has "${stream.text}", handed out was "${interrupted.content}"`);
    }
  }

  async #status(): Promise<string> {
    const { status, body } = await this.#get(`/api/sessions/${this.name}/status`);
    if (status === 404) return 'none';
    return status === 200 ? body.data.status : 'unknown';
  }

  #get(path: string) {
    return this.#send('GET', path);
  }

  #post(path: string, body: object) {
    return this.#send('POST', path, body);
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  async #send(method: string, path: string, body?: object): Promise<{ status: number; body: any }> {
    try {
      const response = await fetch(`${this.#gateways()}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return { status: 0, body: undefined };
    }
  }
}
