/** What the document says before its operations. */
export const information = {
  summary: 'Who may speak in a shop conversation: bots, humans, and the hand-over between them.',
  description: `
Auto Session knows, for every conversation between one of your accounts and a shop, **who may speak now**: a bot or a human.
Upstream systems open sessions with something to say; RPA senders take tasks and report on them; RPA receivers upload what a
chat window shows; agents take a conversation over and give it back; everybody can watch.

## The main flow

1. Upstream opens a session with its first task: \`POST /api/sessions/create\`.
2. A sender asks what to do, and waits: \`GET /api/tasks/next_id?worker_id=…&wait_seconds=30\`.
3. It fetches what to say, where and as whom: \`GET /api/tasks/{task_id}/send_info\`. From now on the content counts as out.
4. It says it, and reports: \`POST /api/sessions/{session_id}/complete\`.
5. A receiver uploads all that the window shows, at every new message: \`POST /api/messages/batch\`.

A human takes the word with \`POST /api/sessions/{session}/takeover\`: once that is answered no sender gets any content of the
session, and what was out is in \`possibly_sent\`.

## Requests

- JSON in UTF-8 with snake_case names, at most 1 MiB. \`null\` counts as absent; unknown fields are ignored; ids may be numbers.
- Times are RFC 3339, or without zone (\`2025-06-11 14:41:58\`) and then in AUTOSESSION_TIMEZONE (Asia/Shanghai unless set).
- Lists in a query are separated by commas. An empty value counts as absent.
- A write with an \`Idempotency-Key\` (header, or \`idempotency_key\` in the body) may be repeated for 24 hours and gets the
  first answer; the same key with another body is a 422.
- Where API keys are configured: \`Authorization: Bearer KEY\` or \`X-API-Key: KEY\`. Each operation names the scopes of which a
  key needs one. Without configured keys only the machine itself can reach the installation.

## Answers

- Every answer is \`{"success", "message", "data", "request_id"}\`. Every field of \`data\` is always there; what is not set is
  \`null\`. Words of enums are lower case without prefix. A client should get along with fields and words that are new to it.
- \`*_at\` fields are RFC 3339 in UTC; \`timestamp\` is Unix seconds.
- Every error is \`{"success": false, "message", "error_code", "detail", "data", "request_id"}\`. Programs read \`error_code\`. A
  503 or 504 may always be repeated.
- With AUTOSESSION_LEGACY_STATUS a 404 or 409 of the API arrives as a 200 with the same body, as the first RPA tools expect.
- \`message\` is Chinese, or English with \`Accept-Language: en\`.

The same operations are there as gRPC, Connect and gRPC-Web (\`autosession.*.v1\`).
`.trim(),
};
