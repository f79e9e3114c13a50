import { type DescMethod, getOption, type Message } from '@bufbuild/protobuf';
import {
  agent_field as agentField,
  agent_filter_field as agentFilterField,
  session_field as sessionField,
} from '../../../gen/autosession/access/v1/access_pb.js';
import { appError, ErrorReason } from '../errors/app-error.ts';
import { CHAT_EVENT_TYPES } from './chat-view.ts';
import type { Identity } from './identity.ts';

/**
 * Keeps a token to what it may do: a chat token to its own session, in which it names no agent, and an agent's token to its own
 * agent. Which fields name them is declared with the RPC. Changes the request: whether the user is a VIP is the chat token's to say,
 * and `mine` in a filter by agent means the agent of the token.
 * Throws SESSION_NOT_FOUND for another session, and PERMISSION_DENIED.
 */
export function applyTokenLimits({ chat, agent }: Identity, rpc: DescMethod, request: Message): void {
  const namedAgent = fieldAt(request, getOption(rpc, agentField));
  if (agent && namedAgent && namedAgent !== agent.id)
    throw appError(ErrorReason.PERMISSION_DENIED, 'the token is another agent’s', { agent_id: agent.id });
  const filter = getOption(rpc, agentFilterField);
  if (agent && filter && fieldAt(request, filter) === MINE) Object.assign(request, { [filter]: agent.id });
  if (!chat) return;
  const path = getOption(rpc, sessionField);
  if (rpc.input.fields.length > 0 && path === '')
    throw appError(ErrorReason.PERMISSION_DENIED, 'a chat token may not call this');
  if (path !== NO_SESSION && fieldAt(request, path) !== chat.sessionName)
    throw appError(ErrorReason.SESSION_NOT_FOUND, 'there is no such session', {
      session_id: fieldAt(request, path) ?? '',
    });
  if (namedAgent) throw appError(ErrorReason.PERMISSION_DENIED, 'a chat token names no agent');
  const fields = request as Message & { parameters?: Record<string, unknown>; types?: string[] };
  const names = rpc.input.fields.map(({ name }) => name);
  if (names.includes('parameters')) fields.parameters = { ...fields.parameters, vip: chat.isVip };
  if (names.includes('types')) fields.types = visibleTypes(fields.types ?? []);
}

/** Of the requested types of events those that a chat sees; all of these when it requests none. */
function visibleTypes(requested: readonly string[]): string[] {
  const names = requested.flatMap((part) => part.split(',')).map((name) => name.trim());
  const visible = CHAT_EVENT_TYPES.filter((name) => names.includes(name));
  return visible.length > 0 ? visible : [...CHAT_EVENT_TYPES];
}

/** The value of `session_field` for RPCs that concern no session. */
const NO_SESSION = '-';

/** The value of `agent_filter_field` for the agent of the token. */
const MINE = 'mine';

function fieldAt(message: Message, path: string): string | undefined {
  if (path === '') return undefined;
  let value: unknown = message;
  for (const name of path.split('.'))
    value = (value as Record<string, unknown> | undefined)?.[
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    ];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
