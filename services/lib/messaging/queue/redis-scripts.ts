/**
 * The operations of the queue, each one script, so that each is atomic. Keys of a tenant, all in one hash slot:
 *
 * - `items`: a hash, task id → `{score, readyAt, lanes}` as JSON;
 * - `delayed`: a sorted set by readyAt, where every push begins;
 * - `lane:…`: sorted sets by score (rank, then time of creation; equals sort by id), one for all items and one for each
 *   platform, account, and pair of them. A ready item is in its four lanes, and in `delayed` no more.
 */

const FORGET_FUNCTION = `
local function forget(base, id)
  local text = redis.call('HGET', base .. 'items', id)
  if not text then return end
  for _, lane in ipairs(cjson.decode(text).lanes) do redis.call('ZREM', base .. lane, id) end
  redis.call('ZREM', base .. 'delayed', id)
  redis.call('HDEL', base .. 'items', id)
end
`;

/** KEYS: base. ARGV: wake channel, tenant, then id, readyAt, item JSON for every item. */
export const PUSH_SCRIPT = `${FORGET_FUNCTION}
local base = KEYS[1]
for i = 3, #ARGV, 3 do
  forget(base, ARGV[i])
  redis.call('HSET', base .. 'items', ARGV[i], ARGV[i + 2])
  redis.call('ZADD', base .. 'delayed', ARGV[i + 1], ARGV[i])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
`;

/**
 * KEYS: base. ARGV: lane, now, count, how many items to promote at most: after a long silence the rest follows with the
 * next takes, so that no single script holds up the server. Returns the ids taken.
 */
export const TAKE_SCRIPT = `${FORGET_FUNCTION}
local base = KEYS[1]
local ready = redis.call('ZRANGEBYSCORE', base .. 'delayed', '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ready) do
  local text = redis.call('HGET', base .. 'items', id)
  redis.call('ZREM', base .. 'delayed', id)
  if text then
    local item = cjson.decode(text)
    for _, lane in ipairs(item.lanes) do redis.call('ZADD', base .. lane, item.score, id) end
  end
end
local ids = redis.call('ZRANGE', base .. ARGV[1], 0, tonumber(ARGV[3]) - 1)
for _, id in ipairs(ids) do
  forget(base, id)
  redis.call('ZREM', base .. ARGV[1], id)
end
return ids
`;

/** KEYS: base. ARGV: ids. */
export const REMOVE_SCRIPT = `${FORGET_FUNCTION}
for _, id in ipairs(ARGV) do forget(KEYS[1], id) end
`;
