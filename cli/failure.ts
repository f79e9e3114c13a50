/** How a command ends. */
export const ExitCode = { OK: 0, FAILED: 1, USAGE: 2 } as const;

/** A failure with a sentence for people: no stack is shown. */
export class Failure extends Error {
  /** What `--json` prints. */
  document(): Record<string, unknown> {
    return { success: false, message: this.message };
  }
}

/** What the system answered instead of doing what was asked. */
export class Refusal extends Failure {
  readonly status: number;
  readonly answer: Readonly<Record<string, unknown>>;

  constructor(status: number, answer: Readonly<Record<string, unknown>>) {
    super(String(answer.message ?? `HTTP ${status}`));
    this.status = status;
    this.answer = answer;
  }

  override document() {
    return { ...this.answer };
  }
}

/** An error as standard error shows it: for people, or one JSON document. */
export function explain(error: unknown, json: boolean): string {
  if (json) return JSON.stringify(documentOf(error));
  if (error instanceof Refusal) return refusalText(error);
  if (error instanceof Failure) return error.message;
  return error instanceof Error ? sentenceOf(error) : String(error);
}

function documentOf(error: unknown): Record<string, unknown> {
  if (error instanceof Failure) return error.document();
  return { success: false, message: error instanceof Error ? sentenceOf(error) : String(error) };
}

function sentenceOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function refusalText({ message, answer, status }: Refusal): string {
  const { error_code: code, detail, data, request_id: requestId } = answer;
  const lines = [`Refused: ${message} (${code ?? `HTTP ${status}`})`];
  if (typeof detail === 'string') lines.push(`  ${detail}`);
  for (const [name, value] of Object.entries((data ?? {}) as object)) lines.push(`  ${name}: ${value}`);
  if (requestId) lines.push(`  request_id: ${requestId}`);
  return lines.join('\n');
}
