import { HandoverReason, HandoverReasonSchema } from '../../../gen/autosession/control/v1/control_pb.js';
import type { ChatStatus, StreamChatResponse } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { enumName } from '../rest/enum-names.ts';
import { encodeControl } from './session-frames.ts';
import { singleLineJson } from './sse-encoder.ts';

/** Pages split what they read at line breaks: a frame must arrive in one piece. */
const MAX_FRAME_BYTES = 1_200;
/** The longest id of a message, with the bytes that its characters may take in JSON. */
const MAX_ID_BYTES = 400;
/** What the text of a `message` frame may take, besides its other bytes. */
const MAX_TEXT_BYTES = MAX_FRAME_BYTES - MAX_ID_BYTES - 60;

/** One frame of a chat stream: only a `data:` line. */
export function encodeChatFrame(frame: { readonly type: string; readonly [name: string]: unknown }): string {
  return `data: ${singleLineJson(frame)}\n\n`;
}

/** The frames of a part of an answer, each at most 1,200 bytes: a longer text is split between code points. */
export function chatFramesOf({ part }: StreamChatResponse, now: number): string[] {
  switch (part.case) {
    case 'delta': {
      const { content, messageId: message_id } = part.value;
      return splitText(content).map((text) => encodeChatFrame({ type: 'message', content: text, message_id }));
    }
    case 'status':
      return [encodeChatFrame(statusFrame(part.value, now))];
    case 'done': {
      const { messageId: message_id, conversationId: conversation_id, interrupted } = part.value;
      const done = { type: 'done', content: '', message_id, conversation_id };
      return [encodeChatFrame(interrupted ? { ...done, interrupted } : done)];
    }
    case 'refusal': {
      const { paused, status, messageId: message_id } = part.value;
      const content = paused ? 'PAUSED' : `SESSION_IN_MANUAL_MODE: ${encodeControl(status)}`;
      return [encodeChatFrame({ type: 'error', content, stored: true, message_id })];
    }
    default:
      return [];
  }
}

function statusFrame({ status, reason, agent }: ChatStatus, now: number) {
  return {
    type: 'status_change',
    status: encodeControl(status),
    ...(reason !== HandoverReason.UNSPECIFIED && { reason: enumName(HandoverReasonSchema, reason) }),
    ...(agent && { agent_info: { agent_id: agent.agentId, agent_name: agent.agentName } }),
    timestamp: now / 1_000,
  };
}

function splitText(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(singleLineJson([character])) - 4; // without the brackets and quotes
    if (bytes + size > MAX_TEXT_BYTES) {
      parts.push(part);
      part = '';
      bytes = 0;
    }
    part += character;
    bytes += size;
  }
  return part ? [...parts, part] : parts;
}
