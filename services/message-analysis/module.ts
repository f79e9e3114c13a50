import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { initializeCounter } from '../lib/observability/metrics.ts';
import type { Module } from '../lib/runtime/module.ts';
import type { MessageDeps } from './deps.ts';
import { finalVerdictNames } from './domain/enum-names.ts';
import { createBotEngines } from './engines/bot-engines.ts';
import { messageEventHandlers } from './events.ts';
import { createElementValidator } from './ingest/element-validator.ts';
import { PartiesCache } from './ingest/parties-cache.ts';
import { startFinalizer } from './jobs/finalizer.ts';
import { measureLateAnalysis } from './jobs/measure-late-analysis.ts';
import { startOutgoingSweep } from './jobs/outgoing-sweep.ts';
import { startRulePolling } from './jobs/poll-rules.ts';
import { startMessagePurge } from './jobs/purge.ts';
import { startTurnSweep } from './jobs/turn-sweep.ts';
import { addMessageMetrics } from './metrics.ts';
import { messageRoutes } from './routes.ts';
import { RuleSets } from './rules/rule-sets.ts';
import { messageMigrations } from './store/migrations.ts';
import { createChatDeps } from './turns/create-chat-deps.ts';

/** Stores the messages of chat windows, and finds out who sent them and whether a human intervened. */
export const messageAnalysisModule: Module = {
  name: 'message-analysis',
  provides: [MessageService, ChatService, RuleService],
  uses: [SessionService, TaskService],
  migrations: messageMigrations,
  start: async (kernel, serviceClients) => {
    const deps: MessageDeps = {
      ...kernel,
      metrics: addMessageMetrics(kernel.metrics),
      sessions: serviceClients.get(SessionService),
      tasks: serviceClients.get(TaskService),
      parties: new PartiesCache(kernel.clock),
      validateElement: createElementValidator(),
      ruleSets: new RuleSets(kernel.db, kernel.logger),
    };
    await deps.ruleSets.refresh();
    const chatDeps = createChatDeps(deps, createBotEngines(kernel.config.bots));
    initializeCounter(
      deps.metrics.messages,
      finalVerdictNames.map((verdict) => ({ verdict })),
    );
    measureLateAnalysis(deps);
    const loops = new AsyncDisposableStack();
    loops.use(chatDeps.turns);
    return {
      eventHandlers: messageEventHandlers(chatDeps),
      routes: messageRoutes(chatDeps),
      onReady: () => {
        loops.use(startFinalizer(deps));
        loops.use(startMessagePurge(deps));
        loops.use(startTurnSweep(chatDeps));
        loops.use(startOutgoingSweep(deps));
        loops.use(startRulePolling(deps));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
