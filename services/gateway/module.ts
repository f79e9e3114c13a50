import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Module } from '../lib/runtime/module.ts';
import { version } from '../lib/runtime/version.ts';
import { EventBroker } from './events/event-broker.ts';
import { watchEvents } from './events/watch-events.ts';
import { withChunkedLongPoll } from './rest/chunked-long-poll.ts';
import { registerRest } from './rest/register-rest.ts';

const services = [
  SessionService,
  DirectoryService,
  TaskService,
  MessageService,
  RuleService,
  HandoverService,
  EventService,
];

/** REST and event streams over all services. It owns no data. */
export const gatewayModule: Module = {
  name: 'gateway',
  provides: [EventService],
  uses: services,
  exposes: services,
  async start(deps, processClients) {
    const clients = withChunkedLongPoll(processClients, deps.stopping);
    const broker = new EventBroker(deps);
    return {
      proxyClients: clients,
      routes: (router) => void router.service(EventService, { watchEvents: watchEvents({ ...deps, broker, clients }) }),
      http: (app) => registerRest(app, { ...deps, clients, services, version }),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  },
};
