import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { type Event, EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import {
  SendChatMessageRequestSchema,
  type SendChatMessageResponse,
  SendManualMessageRequestSchema,
  StreamChatRequestSchema,
  type StreamChatResponse,
} from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { loadConfig } from '../../../services/lib/config/load-config.ts';
import { Database } from '../../../services/lib/db/database.ts';
import { barrierMigrations } from '../../../services/lib/db/durability/durability-barrier.ts';
import { migrate } from '../../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../services/lib/db/sqlite/sqlite-backend.ts';
import { Outbox } from '../../../services/lib/messaging/outbox/outbox.ts';
import { type OutboxTables, outboxMigrations } from '../../../services/lib/messaging/outbox/outbox-tables.ts';
import { createLogger } from '../../../services/lib/observability/logger.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import { createUlidGenerator } from '../../../services/lib/runtime/id-generator.ts';
import { type RequestContext, runInRequestContext } from '../../../services/lib/runtime/request-context.ts';
import type { MessageDeps } from '../../../services/message-analysis/deps.ts';
import type { ChatControl } from '../../../services/message-analysis/domain/chat-session.ts';
import { TurnSweep } from '../../../services/message-analysis/jobs/turn-sweep.ts';
import { addMessageMetrics } from '../../../services/message-analysis/metrics.ts';
import { sendChatMessage } from '../../../services/message-analysis/rpc/send-chat-message.ts';
import { sendManualMessage } from '../../../services/message-analysis/rpc/send-manual-message.ts';
import { streamChat } from '../../../services/message-analysis/rpc/stream-chat.ts';
import { RuleSets } from '../../../services/message-analysis/rules/rule-sets.ts';
import { messageMigrations } from '../../../services/message-analysis/store/migrations.ts';
import type { MessageRow, MessageTables } from '../../../services/message-analysis/store/tables.ts';
import { createChatDeps } from '../../../services/message-analysis/turns/create-chat-deps.ts';
import { type RaisedChatFence, raiseChatFence } from '../../../services/message-analysis/turns/raise-chat-fence.ts';
import { createDatabase } from '../servers/shared-servers.ts';
import { TestClock } from '../test-clock.ts';
import { ControlledEngine } from './controlled-engine.ts';
import { FakeChatSessions } from './fake-chat-sessions.ts';
import type { databases } from './message-analysis-harness.ts';

/** One process of message-analysis, as far as chats go. */
export interface ChatProcess {
  readonly deps: ReturnType<typeof createChatDeps>;
  readonly clock: TestClock;
  readonly sweep: TurnSweep;
  send(request: MessageInitShape<typeof SendChatMessageRequestSchema>): Promise<SendChatMessageResponse>;
  manual(request: MessageInitShape<typeof SendManualMessageRequestSchema>): Promise<unknown>;
  /** The parts of a stream, as they come. */
  stream(request: MessageInitShape<typeof StreamChatRequestSchema>): AsyncIterable<StreamChatResponse>;
  raise(control: ChatControl): Promise<RaisedChatFence>;
  /** Runs `work` in the context of a request. */
  as<T>(work: () => T): T;
}

/** Chats over one database, with a bot whose replies the test gives, and a fake of the session service. */
export interface ChatHarness extends AsyncDisposable {
  readonly engine: ControlledEngine;
  readonly sessions: FakeChatSessions;
  /** Another process over the same database. */
  startProcess(): ChatProcess;
  messages(sessionName?: string): Promise<MessageRow[]>;
  events(): Promise<Event[]>;
}

/** Starts chats; `await using` stops them. */
export async function startChatHarness(database: (typeof databases)[number] = 'SQLite'): Promise<ChatHarness> {
  const stack = new AsyncDisposableStack();
  const url = database === 'SQLite' ? undefined : await createDatabase();
  const openDatabase = () => new Database(url ? mysqlBackend(url) : sqliteBackend(':memory:'));
  const db = openDatabase();
  stack.defer(() => db.close());
  await migrate(db, [barrierMigrations, outboxMigrations, messageMigrations], Date.now());
  const engine = new ControlledEngine();
  const sessions = new FakeChatSessions();
  const startProcess = () => {
    // SQLite has one process: there the others share its database object
    const own = url ? openDatabase() : db;
    if (url) stack.defer(() => own.close());
    const process = startChatProcess(own, engine, sessions);
    stack.defer(() => process.deps.turns[Symbol.asyncDispose]());
    return process;
  };
  return {
    engine,
    sessions,
    startProcess,
    messages: (sessionName = 'chat') =>
      db
        .autocommit<MessageTables>()
        .selectFrom('messages')
        .selectAll()
        .where('session_id', '=', `ses_${sessionName}`)
        .orderBy('seq')
        .execute(),
    events: async () => {
      const rows = await db.autocommit<OutboxTables>().selectFrom('outbox').selectAll().orderBy('position').execute();
      return rows.map(({ payload }) => fromBinary(EventSchema, payload));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function startChatProcess(db: Database, engine: ControlledEngine, sessions: FakeChatSessions): ChatProcess {
  const clock = new TestClock();
  const ids = createUlidGenerator(clock);
  const kernel = {
    config: loadConfig({ AUTOSESSION_DATA_DIR: ':memory:' }),
    db,
    clock,
    ids,
    outbox: new Outbox(clock, ids),
    logger: createLogger('silent'),
    metrics: addMessageMetrics(createMetrics(false)),
    stopping: new AbortController().signal,
    sessions: sessions.client,
    ruleSets: new RuleSets(db, createLogger('silent')),
  } as unknown as MessageDeps; // chats use nothing else
  const [scripted] = loadConfig({ AUTOSESSION_DATA_DIR: ':memory:' }).bots;
  const bot = { ...scripted!, id: 'bot', failureReply: '抱歉，稍后再试' };
  const bots = { get: (id: string) => (id === '' || id === 'bot' ? { bot, engine } : undefined) };
  const deps = createChatDeps(kernel, bots);
  const context: RequestContext = { tenant: 'default', requestId: 'req', actor: 'test' };
  const as = <T>(work: () => T): T => runInRequestContext(context, work);
  const call = undefined as unknown as HandlerContext;
  return {
    deps,
    clock,
    sweep: new TurnSweep(deps),
    as,
    send: (request) =>
      as(() =>
        sendChatMessage(deps)(create(SendChatMessageRequestSchema, request), call),
      ) as Promise<SendChatMessageResponse>,
    manual: (request) => as(async () => sendManualMessage(deps)(create(SendManualMessageRequestSchema, request), call)),
    stream: (request) =>
      as(() =>
        inContext(as, streamChat(deps)(create(StreamChatRequestSchema, request), call)),
      ) as AsyncIterable<StreamChatResponse>,
    raise: (control) => as(() => raiseChatFence(deps, control)),
  };
}

/** A generator runs in the context of the flow that asks for the next item. */
async function* inContext(as: <T>(work: () => T) => T, items: AsyncIterable<unknown>): AsyncIterable<unknown> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (let next = await as(() => iterator.next()); !next.done; next = await as(() => iterator.next()))
      yield next.value;
  } finally {
    await as(async () => iterator.return?.());
  }
}
