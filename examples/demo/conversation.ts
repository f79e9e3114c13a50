import { setTimeout as delay } from 'node:timers/promises';
import type { Dialogue } from './dialogues.ts';
import { uploadWindow } from './receiver.ts';
import type { Data, Rest } from './rest.ts';
import type { ShopWindow } from './shop-window.ts';

/** How a dialogue is played: where a human types, and whether the human returns control to the bot. */
export interface Plan {
  readonly dialogue: Dialogue;
  /** The index of the account's line that a human types instead of the bot; undefined for none. */
  readonly humanAt?: number;
  /** Whether the human returns control to the bot afterwards. */
  readonly returnsControl: boolean;
}

/** The result of a dialogue. */
export interface Outcome {
  readonly plan: Plan;
  readonly sessionId: string;
  /** The number of lines that the bot sent, that a human typed, and that the shop answered. */
  sent: number;
  typed: number;
  replied: number;
  handedOver: boolean;
  /** Differences from the plan; empty if there are none. */
  readonly problems: string[];
}

const SEND_TIMEOUT_MS = 120_000;

/** Plays one dialogue to its end: upstream's tasks, the shop's answers, the human's typing, and the receiver's uploads. */
export class Conversation {
  readonly #rest: Rest;
  readonly #window: ShopWindow;
  readonly #outcome: Outcome;
  #botInControl = true;

  private constructor(rest: Rest, window: ShopWindow, outcome: Outcome) {
    this.#rest = rest;
    this.#window = window;
    this.#outcome = outcome;
  }

  /** Creates the session, as upstream does, plays the dialogue, and closes the session. */
  static async play(rest: Rest, window: ShopWindow, plan: Plan): Promise<Outcome> {
    const [first] = plan.dialogue.lines;
    const created = await rest.post('/api/sessions/create', {
      account_id: window.accountId,
      shop_id: window.shopId,
      shop_name: window.shopName,
      task_type: 'auto_bargain',
      external_task_id: `demo-${window.shopId}`,
      send_content: first?.text,
    });
    const outcome: Outcome = {
      plan,
      sessionId: created.session_id,
      sent: 0,
      typed: 0,
      replied: 0,
      handedOver: false,
      problems: [],
    };
    const conversation = new Conversation(rest, window, outcome);
    await conversation.#playLines();
    await conversation.#check();
    await rest.post(`/api/sessions/${outcome.sessionId}/close`, { outcome: 'completed', reason: 'dialogue over' });
    return outcome;
  }

  async #playLines(): Promise<void> {
    const { dialogue, humanAt, returnsControl } = this.#outcome.plan;
    for (const [index, { side, text }] of dialogue.lines.entries()) {
      if (side === 'shop') await this.#shopAnswers(text);
      else if (index === humanAt) await this.#humanTypes(text, returnsControl);
      else if (this.#botInControl) await this.#botSends(text, index);
      else await this.#humanTypes(text, false);
    }
  }

  async #shopAnswers(text: string): Promise<void> {
    this.#window.type('shop', text);
    await this.#upload();
    this.#outcome.replied += 1;
  }

  /** Upstream creates the task (the first one came with the session), a sender types it, the receiver uploads it. */
  async #botSends(text: string, index: number): Promise<void> {
    const { sessionId } = this.#outcome;
    if (index > 0)
      await this.#rest.post(`/api/sessions/${sessionId}/tasks`, {
        external_task_id: `line-${index}`,
        send_content: text,
      });
    const deadline = performance.now() + SEND_TIMEOUT_MS;
    while (this.#window.visible().length <= index) {
      if (performance.now() > deadline) throw new Error(`no sender sent line ${index} of session ${sessionId}`);
      await delay(5);
    }
    this.#outcome.sent += 1;
    await this.#upload();
  }

  async #humanTypes(text: string, returnsControl: boolean): Promise<void> {
    this.#window.type('account', text);
    this.#outcome.typed += 1;
    this.#botInControl = false;
    const batch = await this.#upload();
    if (batch.status !== 'manual_live')
      this.#outcome.problems.push(`missed: a human typed and the status is ${batch.status}`);
    if (!returnsControl) return;
    await this.#rest.post(`/api/sessions/${this.#outcome.sessionId}/release`, { agent_id: 'agent_01' });
    this.#botInControl = true;
  }

  async #upload(): Promise<Data> {
    const batch = await uploadWindow(this.#rest, this.#window);
    if (batch.status === 'manual_live') this.#outcome.handedOver = true;
    if (batch.status === 'manual_live' && this.#botInControl)
      this.#outcome.problems.push('false alarm: handed over although no human typed');
    if (batch.errors.length > 0) this.#outcome.problems.push(`the batch has errors: ${JSON.stringify(batch.errors)}`);
    return batch;
  }

  /** Checks that every line is stored once, in order, and that the session has the planned status. */
  async #check(): Promise<void> {
    const { sessionId, problems, plan } = this.#outcome;
    const { messages } = await this.#rest.get(`/api/sessions/${sessionId}/messages?limit=200`);
    const stored = messages.map((message: { content: string }) => message.content);
    const expectedTexts = plan.dialogue.lines.map((line) => line.text);
    if (JSON.stringify(stored) !== JSON.stringify(expectedTexts))
      problems.push(`${stored.length} messages are stored, ${expectedTexts.length} were sent, or their order differs`);
    const { status } = await this.#rest.get(`/api/sessions/${sessionId}/status`);
    const expected = this.#botInControl ? 'bot_active' : 'manual_live';
    if (status !== expected) problems.push(`the status is ${status} instead of ${expected}`);
  }
}
