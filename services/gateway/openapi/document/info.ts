/** The introduction of the document. */
export const info = {
  summary: 'Who controls a customer conversation: bots, humans, and the handover between them.',
  description: `
Auto Session is the system of record for **who controls a customer conversation** between one of your accounts and a shop: a bot
or a human. Upstream systems open sessions with something to send; RPA senders take tasks and report their outcome; RPA receivers
upload what a chat window shows; agents take a conversation over and return it; every change is streamed.

## The main flow

1. Upstream opens a session with its first task: \`POST /api/sessions/create\`.
2. A sender requests a task, and waits for one: \`GET /api/tasks/next_id?worker_id=…&wait_seconds=30\`.
3. It fetches what to send, where and as which account: \`GET /api/tasks/{task_id}/send_info\`. From then on the task counts as
   possibly sent.
4. It sends the content, and reports: \`POST /api/sessions/{session_id}/complete\`.
5. A receiver uploads everything that the window shows, at every new message: \`POST /api/messages/batch\`.

A human takes control with \`POST /api/sessions/{session}/takeover\`: from its answer on no sender gets any content of the session,
and what a sender had fetched before is in \`possibly_sent\`.

## Requests

- JSON in UTF-8 with snake_case names, at most 1 MiB. \`null\` counts as absent; unknown fields are ignored; ids may be numbers.
- Times are RFC 3339, or without zone (\`2025-06-11 14:41:58\`) and then in AUTOSESSION_TIMEZONE (Asia/Shanghai unless set).
- Lists in a query are separated by commas. An empty value counts as absent.
- A write with an \`Idempotency-Key\` (header, or \`idempotency_key\` in the body) may be repeated for 24 hours: a repeat changes
  nothing and returns the answer of the first request. The same key with another body is a 422.
- Where API keys are configured: \`Authorization: Bearer KEY\` or \`X-API-Key: KEY\`. Each operation names the scopes of which a
  key needs one. Without configured keys only clients on the same machine can reach the installation.

## Answers

- Every answer is \`{"success", "message", "data", "request_id"}\`. Every field of \`data\` is always there; a field that is not
  set is \`null\`. Enum values are lower case without prefix. A client must accept fields and values that it does not know.
- \`*_at\` fields are RFC 3339 in UTC; \`timestamp\` is Unix seconds.
- Every error is \`{"success": false, "message", "error_code", "detail", "data", "request_id"}\`. Programs read \`error_code\`. A
  503 or 504 may always be repeated.
- With AUTOSESSION_LEGACY_STATUS a 404 or 409 of the API arrives as a 200 with the same body, as older RPA tools expect.
- \`message\` is Chinese, or English with \`Accept-Language: en\`.

The same operations are available as gRPC, Connect and gRPC-Web (\`autosession.*.v1\`).
`.trim(),
};
