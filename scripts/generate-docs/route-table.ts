import { readFileSync } from 'node:fs';
import { SessionDetailService } from '../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { EventService } from '../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { routesOf } from '../../services/gateway/rest/routes.ts';
import { markdownTable } from './marker-block.ts';

/** Every REST route with the first sentence of its RPC's comment. */
export function routeTable(): string {
  const rows = routesOf([
    SessionService,
    SessionDetailService,
    TaskService,
    MessageService,
    ChatService,
    RuleService,
    HandoverService,
    DirectoryService,
    EventService,
  ]).map(({ method, path, rpc }) => [`\`${method} ${path}\``, firstSentence(rpc.parent.file.name, rpc.name)]);
  return markdownTable(['route', 'what it does'], rows);
}

/** The first sentence of an RPC's comment, without the RPC's name at its start. */
function firstSentence(file: string, rpc: string): string {
  const source = readFileSync(`proto/${file}.proto`, 'utf8');
  const comment = new RegExp(`((?:  //.*\\n)+)  rpc ${rpc}\\(`).exec(source)?.[1] ?? '';
  const text = comment.replaceAll(/^ *\/\/ ?/gm, '').replaceAll('\n', ' ');
  const sentence = /^\w+ (.*?\.)(?: |$)/.exec(text)?.[1] ?? '';
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
