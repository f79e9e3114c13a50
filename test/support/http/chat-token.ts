import { SignJWT } from 'jose';

/** The secret of the tokens, for AUTOSESSION_JWT_SECRET. */
export const CHAT_TOKEN_SECRET = 'secret-of-the-tokens-0123456789abcdef';

/** The headers of a chat page, with a token for one session. */
export async function chatTokenHeaders(sessionName: string): Promise<{ authorization: string }> {
  const token = await new SignJWT({ scope: 'chat', session_name: sessionName })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('2h')
    .sign(Buffer.from(CHAT_TOKEN_SECRET));
  return { authorization: `Bearer ${token}` };
}
