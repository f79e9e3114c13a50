import { create, type DescMessage, type DescOneof, type Message, type MessageShape } from '@bufbuild/protobuf';
import type { StreamSink } from '../rpc/stream-sink.ts';

/** The types of events that a chat token sees. */
export const CHAT_EVENT_TYPES: readonly string[] = ['bot_message', 'status_change', 'manual_message', 'resync'];

/**
 * The fields that a chat token sees, by message. Everything else stays hidden: a message that is not listed, a field that a
 * message gets later, and a field that this release does not know.
 */
const shownFields: Readonly<Record<string, string>> = {
  'autosession.conversation.v1.GetSessionDetailResponse': 'session',
  'autosession.conversation.v1.SessionDetail':
    'session_id session_name status state history escalation assigned_agent user_profile priority bot_id created_at updated_at version last_manual_end_at',
  'autosession.conversation.v1.SessionDetail.Priority': 'level is_vip wait_time_seconds',
  'autosession.conversation.v1.SessionDetail.UserProfile': 'user_id nickname vip',
  'autosession.event.v1.ChatMessageStored': 'message status',
  'autosession.event.v1.Event':
    'event_id source session_id source_seq session_version occurred_at session_name session_changed chat_message_stored',
  'autosession.event.v1.Heartbeat': 'time',
  'autosession.event.v1.Resync': 'session message_count heads',
  'autosession.event.v1.Resync.SourceHead': 'source source_seq',
  'autosession.event.v1.SessionChanged': 'session command reason previous_state previous_status',
  'autosession.event.v1.WatchEventsResponse': 'cursor event resync heartbeat',
  'autosession.message.v1.ChatAgent': 'agent_id agent_name',
  'autosession.message.v1.ChatDelta': 'content message_id',
  'autosession.message.v1.ChatDone': 'message_id conversation_id interrupted',
  'autosession.message.v1.ChatRefusal': 'status paused message_id',
  'autosession.message.v1.ChatStatus': 'status reason agent',
  'autosession.message.v1.GetBotInfoResponse': 'bot',
  'autosession.message.v1.GetBotInfoResponse.Bot': 'name description icon_url welcome workflow_id bot_id',
  'autosession.message.v1.InterruptedReply': 'message_id content complete',
  'autosession.message.v1.ListMessagesResponse': 'messages next_page_token',
  'autosession.message.v1.Message':
    'message_id seq role sender content sent_at received_at verdict session_id type agent_id interrupted agent_name timestamp',
  'autosession.message.v1.SendChatMessageResponse':
    'message session_name conversation_id status message_id interrupted session_id',
  'autosession.message.v1.SendManualMessageResponse': 'timestamp message_id session_id session_name status',
  'autosession.message.v1.StartConversationResponse': 'conversation_id',
  'autosession.message.v1.StreamChatResponse': 'delta status done refusal',
  'autosession.session.v1.AgentRef': 'agent_id agent_name id name',
  'autosession.session.v1.EscalateSessionResponse':
    'session_name session_id status state escalation history interrupted_reply history_unavailable assigned_agent is_in_shift email_sent',
  'autosession.session.v1.Escalation': 'reason severity trigger_at',
  'autosession.session.v1.GetSessionResponse': 'session',
  'autosession.session.v1.GetSessionStatusResponse':
    'session_id session_state status message_count created_at finished_at last_activity session_name assigned_agent',
  'autosession.session.v1.Session':
    'session_id session_name state status version assigned_agent escalation vip created_at updated_at last_activity finished_at last_manual_end_at user_id bot_id',
};

/** The names of the fields of a message that a chat token sees; undefined for a message of which it sees nothing. */
export function fieldsShownToChats(schema: DescMessage): readonly string[] | undefined {
  return shownFields[schema.typeName]?.split(' ');
}

/** A response as a chat token may see it: a copy, since other callers may share the given one. */
export function redactForChat<D extends DescMessage>(schema: D, message: MessageShape<D>): MessageShape<D> {
  const from = message as unknown as Record<string, unknown>;
  const copy = create(schema) as Record<string, unknown>;
  for (const copyField of fieldCopiersOf(schema)) copyField(from, copy);
  return copy as MessageShape<D>;
}

/** The messages of a stream as a chat token may see them. */
export async function* redactedStream<D extends DescMessage>(
  schema: D,
  messages: AsyncIterable<MessageShape<D>>,
): AsyncGenerator<MessageShape<D>> {
  for await (const message of messages) yield redactForChat(schema, message);
}

/** A sink for the stream of a chat token: pushed messages do not pass the code that redacts pulled ones. */
export function redactingSink(sink: StreamSink): StreamSink {
  return {
    get writable() {
      return sink.writable;
    },
    send: (schema, messages) =>
      sink.send(
        schema,
        messages.map((message) => redactForChat(schema, message)),
      ),
  };
}

type CopyField = (from: Record<string, unknown>, to: Record<string, unknown>) => void;

const copiersBySchema = new WeakMap<DescMessage, readonly CopyField[]>();

function fieldCopiersOf(schema: DescMessage): readonly CopyField[] {
  let copiers = copiersBySchema.get(schema);
  if (!copiers) {
    const shown = new Set(fieldsShownToChats(schema));
    const single = schema.fields.filter(({ name, oneof }) => shown.has(name) && !oneof);
    copiers = [
      ...single.map(({ localName, fieldKind, message }): CopyField => {
        if (!message) return (from, to) => assign(to, localName, from[localName]);
        const redact = (value: unknown) => redactNested(message, value as Message);
        if (fieldKind === 'list')
          return (from, to) => assign(to, localName, (from[localName] as Message[]).map(redact));
        return (from, to) => assign(to, localName, from[localName] && redact(from[localName]));
      }),
      ...schema.oneofs.map((oneof) => copyOneof(oneof, shown)),
    ];
    copiersBySchema.set(schema, copiers);
  }
  return copiers;
}

function copyOneof({ localName, fields }: DescOneof, shown: ReadonlySet<string>): CopyField {
  return (from, to) => {
    const { case: chosen, value } = from[localName] as { case?: string; value?: unknown };
    const field = fields.find((each) => each.localName === chosen);
    if (!field || !shown.has(field.name)) return;
    to[localName] = { case: chosen, value: field.message ? redactNested(field.message, value as Message) : value };
  };
}

/** Times and free data (google.protobuf) have no fields to hide. */
function redactNested(schema: DescMessage, value: Message): Message {
  return schema.typeName.startsWith('google.protobuf.') ? value : redactForChat(schema, value);
}

function assign(to: Record<string, unknown>, name: string, value: unknown): void {
  if (value !== undefined) to[name] = value;
}
