import { SessionDetailService } from '../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Module } from '../lib/runtime/module.ts';
import { version } from '../lib/runtime/version.ts';
import { chatPaths } from './auth/chat-paths.ts';
import { EventBroker } from './events/event-broker.ts';
import { watchEvents } from './events/watch-events.ts';
import { addGatewayMetrics } from './metrics.ts';
import { withChunkedLongPoll } from './rest/chunked-long-poll.ts';
import { registerRest } from './rest/register-rest.ts';
import { getSessionDetail } from './session-detail/get-session-detail.ts';
import { listSessions } from './session-list/list-sessions.ts';

const services = [
  SessionService,
  SessionDetailService,
  DirectoryService,
  TaskService,
  MessageService,
  ChatService,
  RuleService,
  HandoverService,
  EventService,
];

/** REST, event streams and the view of a whole conversation over all services. It owns no data. */
export const gatewayModule: Module = {
  name: 'gateway',
  provides: [EventService, SessionDetailService],
  uses: services,
  exposes: services,
  async start(kernel, processClients) {
    const deps = { ...kernel, metrics: addGatewayMetrics(kernel.metrics) };
    const clients = withChunkedLongPoll(processClients, deps.stopping);
    const broker = new EventBroker(deps);
    return {
      proxyClients: clients,
      isPageRequest: chatPaths(services),
      routes: (router) => {
        router.service(EventService, { watchEvents: watchEvents({ ...deps, broker, clients }) });
        router.service(SessionDetailService, {
          getSessionDetail: getSessionDetail({ ...deps, clients }),
          listSessions: listSessions({ ...deps, clients }),
        });
      },
      http: (app) => registerRest(app, { ...deps, clients, services, version }),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  },
};
