import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import type { Module } from '../lib/module.ts';
import { version } from '../lib/version.ts';
import { EventHub } from './events/hub.ts';
import { watchEvents } from './events/watch-events.ts';
import { registerRest } from './rest/register.ts';
import { waitingInParts } from './waiting.ts';

const services = [SessionService, DirectoryService, TaskService, MessageService, HandoverService, EventService];

/** REST and event streams over every service. It owns nothing. */
export const gatewayModule: Module = {
  name: 'gateway',
  provides: [EventService],
  uses: services,
  passesOn: services,
  async start(deps, given) {
    const directory = waitingInParts(given, deps.stopping);
    const hub = new EventHub(deps);
    return {
      passOn: directory,
      routes: (router) => void router.service(EventService, { watchEvents: watchEvents({ ...deps, hub, directory }) }),
      http: (app) => registerRest(app, { ...deps, directory, services, version }),
      [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
    };
  },
};
