import { create, type DescField, type DescMessage, type DescService, getOption, ScalarType } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { internal } from '../../../../gen/autosession/access/v1/access_pb.js';
import { EventService } from '../../../../gen/autosession/event/v1/event_service_pb.js';
import { HandoverService } from '../../../../gen/autosession/handover/v1/handover_service_pb.js';
import { IngestedMessageSchema, MessageService } from '../../../../gen/autosession/message/v1/message_service_pb.js';
import { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../../../gen/autosession/task/v1/task_service_pb.js';
import { errorInfo } from '../../../../services/lib/errors/app-error.ts';
import { createMessageValidator } from '../../../../services/lib/interceptors/validate.ts';

const services: DescService[] = [
  SessionService,
  DirectoryService,
  TaskService,
  MessageService,
  HandoverService,
  EventService,
];

/** Texts that are never looked up, so that spaces at their ends do no harm. */
const freeTexts: Readonly<Record<string, string>> = {
  send_content: 'what is said',
  content: 'what was said',
  reason: 'words for people',
  details: 'words for people',
  error_message: 'words for people',
  send_url: 'has a rule of its own, which allows no spaces at all',
  page_token: 'decoded, never compared',
  cursor: 'decoded, never compared',
  head_mac: 'has a rule of its own, which allows no spaces at all',
  types: 'compared with a closed list by the gateway',
  type: 'stored as it is, never looked for',
};

interface TextField {
  readonly message: DescMessage;
  readonly field: DescField;
}

/** Every text field in a message that external callers send. */
function textsIn(message: DescMessage): TextField[] {
  if (message.typeName.startsWith('google.')) return [];
  return message.fields.flatMap((field): TextField[] => {
    if (field.message) return textsIn(field.message);
    return field.scalar === ScalarType.STRING ? [{ message, field }] : [];
  });
}

const requests = services.flatMap(({ methods }) => methods.filter((method) => !getOption(method, internal)));
const texts = [...requests.map(({ input }) => input), IngestedMessageSchema].flatMap(textsIn);
const nameOf = ({ message, field }: TextField) => `${message.name}.${field.name}`;
const compared = new Map(texts.filter(({ field }) => !(field.name in freeTexts)).map((text) => [nameOf(text), text]));

describe('spaces at the ends of an identifier, a name or a key', () => {
  const check = createMessageValidator();
  const refused = ({ message, field }: TextField, value: string): string => {
    const given = field.fieldKind === 'list' ? [value] : value;
    try {
      check(message, create(message, { [field.localName]: given }));
      return '';
    } catch (error) {
      return errorInfo(error)?.metadata.field === undefined ? String(error) : (error as Error).message;
    }
  };

  const signs = [' ', '\t', '\n', '\u00a0', '\u1680', '\u2003', '\u2028', '\u202f', '\u3000', '\ufeff'];
  it.each([...compared])('are refused in %s', (_, text) => {
    for (const sign of signs)
      for (const value of [`${sign}x`, `x${sign}`, sign])
        expect(refused(text, value), JSON.stringify(value)).toContain(`${text.field.name}: must not begin or end with`);
    for (const value of ['a\u0000b', 'a\u0007b', 'a\u0085b'])
      expect(refused(text, value), JSON.stringify(value)).toContain(`${text.field.name}: must not begin or end with`);
    expect(refused(text, 'a b')).not.toContain(`${text.field.name}: must not begin`);
  });

  it('do no harm in free texts, and every listed one exists', () => {
    const names = new Set(texts.map(({ field }) => field.name));
    expect(Object.keys(freeTexts).filter((name) => !names.has(name))).toEqual([]);
  });
});
