import type { DescMessage, JsonValue, Message } from '@bufbuild/protobuf';
import { nothingToDoReply } from './custom.ts';
import type { Language } from './language.ts';
import { render } from './render.ts';
import type { Route } from './routes.ts';
import { successText } from './success-texts.ts';

/** The body of every answer that is no error. */
export interface ReplyBody {
  readonly success: boolean;
  readonly message: string;
  readonly data: JsonValue;
  readonly request_id: string;
}

/** The answer of a route's RPC as REST says it. */
export function replyOf(route: Route, answer: Message, options: { requestId: string; language: Language }): ReplyBody {
  const data = dataOf(route, answer);
  const special = nothingToDoReply(route, data, options);
  if (special) return special;
  return { success: true, message: successText(route.rpc, options.language), data, request_id: options.requestId };
}

/** What an answer has beside its response_body, such as what was possibly sent, stands beside that one's own fields. */
function dataOf({ rpc, responseField }: Route, answer: Message): Record<string, JsonValue> | null {
  if (!responseField?.message) return render(rpc.output, answer);
  const part = (answer as unknown as Record<string, Message | undefined>)[responseField.localName];
  if (!part) return null;
  return { ...without(rpc.output, answer, responseField.name), ...render(responseField.message, part) };
}

function without(schema: DescMessage, answer: Message, name: string): Record<string, JsonValue> {
  if (schema.fields.length === 1) return {};
  const { [name]: _, ...rest } = render(schema, answer);
  return rest;
}
