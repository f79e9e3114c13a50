import { Control } from '../../gen/autosession/control/v1/control_pb.js';
import { MessageRole } from '../../gen/autosession/message/v1/message_pb.js';
import { type Finding, groupBy, type InvariantCheck, invariantCheck, type StoredState } from './invariant-check.ts';
import { pendingSteps } from './pending-steps.ts';

interface Tables {
  sessions: {
    tenant: string;
    session_id: string;
    user_id: string;
    state: string;
    control: string;
    owner_epoch: number;
    fenced_epoch: number;
  };
  chat_sessions: {
    tenant: string;
    session_id: string;
    owner_epoch: number;
    control: number;
    paused: number;
    bot_id: string;
    last_seq: number;
    answered_seq: number;
    unanswered: number;
    escalation: string | null;
    due: number;
  };
  chat_turns: {
    tenant: string;
    session_id: string;
    owner_epoch: number;
    running: number;
    stop_requested: number;
  };
  messages: {
    tenant: string;
    conversation_id: string;
    message_id: string;
    seq: number;
    role: number;
    answers_seq: number;
    interrupted: number;
  };
}

type Chat = Tables['chat_sessions'];

const keyOf = ({ tenant, session_id }: { tenant: string; session_id: string }) => `${tenant} ${session_id}`;
const controlName = (control: number) => (Control[control] ?? '').toLowerCase();
const mayBotSpeak = ({ control, paused }: Chat) => control === Control.BOT_ACTIVE && !paused;

function chatsOf({ db }: StoredState): Promise<Chat[]> {
  return db.autocommit<Tables>().selectFrom('chat_sessions').selectAll().execute();
}

/** The messages of every chat by its key, in order. Retention removes the oldest. */
async function messagesByChat({ db }: StoredState): Promise<Map<string, Tables['messages'][]>> {
  const rows = await db
    .autocommit<Tables>()
    .selectFrom('messages as m')
    .innerJoin('chat_sessions as c', (on) =>
      on.onRef('c.tenant', '=', 'm.tenant').onRef('c.session_id', '=', 'm.conversation_id'),
    )
    .select(['m.tenant', 'm.conversation_id', 'm.message_id', 'm.seq', 'm.role', 'm.answers_seq', 'm.interrupted'])
    .orderBy('m.seq')
    .execute();
  return groupBy(rows, ({ tenant, conversation_id }) => `${tenant} ${conversation_id}`);
}

async function fenceFindings(stored: StoredState): Promise<Finding[]> {
  const pending = await pendingSteps(stored, 'message-analysis');
  const rows = await stored.db
    .autocommit<Tables>()
    .selectFrom('sessions as s')
    .leftJoin('chat_sessions as c', (on) =>
      on.onRef('c.tenant', '=', 's.tenant').onRef('c.session_id', '=', 's.session_id'),
    )
    .select(['s.tenant', 's.session_id', 's.state', 's.control', 's.owner_epoch', 's.fenced_epoch'])
    .select(['c.owner_epoch as fence_epoch', 'c.control as fence_control', 'c.paused'])
    .where('s.user_id', '!=', '')
    .execute();
  return rows.flatMap((row) => {
    const confirmedTooEarly = row.fenced_epoch > Math.max(1, row.fence_epoch ?? 0);
    const isPaused = row.state === 'paused';
    const matches =
      row.fence_epoch === null
        ? row.owner_epoch === 1
        : row.fence_epoch === row.owner_epoch &&
          controlName(row.fence_control ?? 0) === row.control &&
          Boolean(row.paused) === isPaused;
    if (matches && !confirmedTooEarly) return [];
    const steps = pending.get(keyOf(row)) ?? [];
    const isRaisedLater =
      steps.some(({ epoch }) => epoch === row.owner_epoch) && (row.fence_epoch ?? 0) < row.owner_epoch;
    const fence = row.fence_epoch === null ? 'none' : `${row.fence_epoch} ${controlName(row.fence_control ?? 0)}`;
    const text = `${row.session_id}: ${row.owner_epoch} ${row.control}, confirmed ${row.fenced_epoch}, fence ${fence}`;
    return [{ text, behind: !confirmedTooEarly && isRaisedLater }];
  });
}

/** Running turns of an epoch in which the bot is not in control any more: nothing is acknowledged until they have stopped. */
async function turnFindings(stored: StoredState): Promise<Finding[]> {
  const chats = new Map((await chatsOf(stored)).map((chat) => [keyOf(chat), chat]));
  const turns = await stored.db
    .autocommit<Tables>()
    .selectFrom('chat_turns')
    .select(['tenant', 'session_id', 'owner_epoch', 'running', 'stop_requested'])
    .where('running', '=', 1)
    .execute();
  return turns.flatMap((turn) => {
    const chat = chats.get(keyOf(turn));
    if (chat && mayBotSpeak(chat) && turn.owner_epoch === chat.owner_epoch) return [];
    const text = `the turn of ${turn.session_id} runs in epoch ${turn.owner_epoch}, the fence is at ${chat?.owner_epoch ?? 'none'}`;
    return [{ text, behind: chat !== undefined && turn.stop_requested === 1 && turn.owner_epoch < chat.owner_epoch }];
  });
}

async function messageNumbers(stored: StoredState): Promise<string[]> {
  const messages = await messagesByChat(stored);
  return (await chatsOf(stored)).flatMap((chat) => {
    const seqs = (messages.get(keyOf(chat)) ?? []).map(({ seq }) => seq);
    const isWhole = seqs.every((seq, i) => i === 0 || seq === seqs[i - 1]! + 1);
    const endsRight = seqs.length === 0 || seqs.at(-1) === chat.last_seq;
    return isWhole && endsRight
      ? []
      : [`${chat.session_id}: the messages ${seqs.join(', ')}, last number ${chat.last_seq}`];
  });
}

async function answers(stored: StoredState): Promise<string[]> {
  const messages = await messagesByChat(stored);
  return (await chatsOf(stored)).flatMap((chat) => {
    const all = messages.get(keyOf(chat)) ?? [];
    const complete = all.filter(({ role, interrupted }) => role === MessageRole.ASSISTANT && !interrupted);
    const repeated = complete.filter((answer, i) => i > 0 && answer.answers_seq <= complete[i - 1]!.answers_seq);
    const open = all.filter(({ role, seq }) => role === MessageRole.USER && seq > chat.answered_seq).length;
    const isCounted = chat.control === Control.CLOSED || open === chat.unanswered;
    return [
      ...repeated.map(({ message_id }) => `${chat.session_id}: ${message_id} answers what was answered before`),
      ...(isCounted ? [] : [`${chat.session_id}: ${open} messages are unanswered, not ${chat.unanswered}`]),
    ];
  });
}

/** Messages that wait for an answer although the bot is in control: a turn runs, or the sweep begins one. */
async function unansweredFindings(stored: StoredState): Promise<Finding[]> {
  const running = await stored.db
    .autocommit<Tables>()
    .selectFrom('chat_turns')
    .select(['tenant', 'session_id'])
    .where('running', '=', 1)
    .execute();
  const withTurn = new Set(running.map(keyOf));
  return (await chatsOf(stored))
    .filter((chat) => mayBotSpeak(chat) && chat.bot_id !== '' && chat.unanswered > 0)
    .map((chat) => ({
      text: `${chat.session_id}: ${chat.unanswered} messages wait for an answer`,
      behind: withTurn.has(keyOf(chat)) || chat.due === 1,
    }));
}

export const chatChecks: InvariantCheck[] = [
  invariantCheck(
    'the fence of every chat matches its session, and no chat records an epoch as confirmed that its fence does not have',
    fenceFindings,
  ),
  invariantCheck('a turn of a bot runs only while the bot is in control, in the epoch in which it began', turnFindings),
  { invariant: 'messages of a chat are numbered without gaps', violations: messageNumbers },
  {
    invariant: 'every message of a chat is answered at most once, and what is unanswered is counted',
    violations: answers,
  },
  invariantCheck('a message that waits for a bot has a turn, or is known to the sweep', unansweredFindings),
];
