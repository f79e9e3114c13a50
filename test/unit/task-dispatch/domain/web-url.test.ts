import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import {
  AddSessionTaskRequestSchema,
  CreateSessionRequestSchema,
} from '../../../../gen/autosession/session/v1/session_service_pb.js';
import { createMessageValidator } from '../../../../services/lib/interceptors/validate.ts';
import { isWebUrl } from '../../../../services/task-dispatch/domain/web-url.ts';

const check = createMessageValidator();

/** Whether the validator reports the send_url of a request. */
function isRefused(
  schema: typeof CreateSessionRequestSchema | typeof AddSessionTaskRequestSchema,
  sendUrl: string,
): boolean {
  try {
    check(schema, create(schema, { sendUrl } as never));
    return false;
  } catch (error) {
    return (error as Error).message.includes('send_url: must be an http or https URL');
  }
}

it.each([
  'https://chat.example/1',
  'HTTP://chat.example',
  'http://127.0.0.1:8080/x?y=z#w',
  'https://[::1]:8443/',
  'https://店铺.example/聊天?id=a@b',
  'https://chat.example?x',
])('%s is a page that a sender may open, for requests and look-ups alike', (url) => {
  expect(isWebUrl(url)).toBe(true);
  expect(isRefused(CreateSessionRequestSchema, url)).toBe(false);
  expect(isRefused(AddSessionTaskRequestSchema, url)).toBe(false);
});

it.each([
  'javascript:alert(1)',
  'JavaScript:alert(1)//https://x',
  'file:///etc/passwd',
  'data:text/html,x',
  'ftp://chat.example/',
  '//chat.example/1',
  '/chat/1',
  'chat.example/1',
  'https:',
  'https://',
  'https:///x',
  'https:chat.example',
  'https:\\\\chat.example',
  'https://user:pass@chat.example/',
  'https://user@chat.example/',
  'https://chat.example\\@elsewhere.example/',
  'https://chat.example:port/',
  'https://[::1/',
  ' https://chat.example/',
  'https://chat.example/ ',
  'https://chat.example/a b',
  'https://chat.example/a\u3000b',
  'https://chat.example/\n',
  'java\nscript:alert(1)',
  'https://chat\u0000.example/',
])('%j is none', (url) => {
  expect(isWebUrl(url)).toBe(false);
  expect(isRefused(CreateSessionRequestSchema, url)).toBe(true);
  expect(isRefused(AddSessionTaskRequestSchema, url)).toBe(true);
});
