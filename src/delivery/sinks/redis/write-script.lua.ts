/**
 * Data and position in one step. Redis runs a script as a whole, writes it to its append-only file and to replicas as one
 * transaction, and never undoes half of one; so everything that can be refused is looked at before the first write.
 *
 * W1  Nothing is written unless the lane's position is the one that the batch begins at, and this writer holds the lane.
 * W2  The position is the first write: Redis refuses a script for want of memory, disk or replicas only at its first write.
 * W3  A key that carries a newer position of the same journal stays as it is.
 * W4  Reads see the state before the batch: operations of one key were folded into one.
 *
 * KEYS: the lane, then those of each operation. ARGV: writer, place before (empty: none), place after, checkpoint after,
 * tombstone in ms, length limit of streams (0: none), journal, then the operations:
 *
 *   put    P key carrier | position form(s|h) count text…        the whole value
 *   patch  U key carrier from | position form(s|h) count (name tag(=|N|U) text)…   with the fields that `from` holds
 *          W instead of U: left out when the row is not there, because a copy to come brings it whole
 *   remove R key carrier | position
 *   entry  A stream carrier | id count text…        the first two texts are the record's id
 *
 * Answers: ok and how many operations a newer position outweighed; lost, fenced, moved: the position is not as expected;
 * missing, behind, foreign: operation number so and so cannot be carried out.
 */
export const writeScript: string = `-- headwater write 1
local held = redis.call('HMGET', KEYS[1], 'writer', 'place')
if not held[1] then return {'lost'} end
if held[1] ~= ARGV[1] then return {'fenced'} end
if (held[2] or '') ~= ARGV[2] then return {'moved'} end
local tombstone, limit, journal = ARGV[5], ARGV[6], ARGV[7]

local keyAt, at = 2, 8
local function key() keyAt = keyAt + 1 return KEYS[keyAt - 1] end
local function take() at = at + 1 return ARGV[at - 1] end
local function takeList(count)
  local list = {}
  for i = 1, count do list[i] = ARGV[at + i - 1] end
  at = at + count
  return list
end

local function typeOf(name) return redis.call('TYPE', name)['ok'] end

-- 1: what the key carries is newer, 0: the same, -1: older, of another journal, or nothing.
local function compare(carried, position)
  if not carried then return -1 end
  if carried == position then return 0 end
  local source, place = string.match(carried, '^(%S+) (%d+)$')
  local ownSource, ownPlace = string.match(position, '^(%S+) (%d+)$')
  if source ~= ownSource or #place ~= #ownPlace then return -1 end
  return place > ownPlace and 1 or -1
end

-- The fields of a hash, name and value in turn; nil when the row is not there.
local function mergeHash(from, fields)
  if typeOf(from) ~= 'hash' then return nil end
  local merged = {}
  for _, field in ipairs(fields) do
    local value = field.text
    if field.tag == 'U' then value = redis.call('HGET', from, field.name) end
    if field.tag ~= 'N' and value then
      merged[#merged + 1] = field.name
      merged[#merged + 1] = value
    end
  end
  return merged
end

-- The text of an object; nil when the row or one of its members is not there as a text or null.
local function mergeText(from, fields)
  if typeOf(from) ~= 'string' then return nil end
  local isJson, stored = pcall(cjson.decode, redis.call('GET', from))
  if not isJson or type(stored) ~= 'table' then return nil end
  local members = {}
  for _, field in ipairs(fields) do
    local member = field.text
    if field.tag == 'U' then
      local value = stored[field.name]
      if value ~= cjson.null and type(value) ~= 'string' then return nil end
      member = member .. cjson.encode(value)
    end
    members[#members + 1] = member
  end
  return {'{' .. table.concat(members, ',') .. '}'}
end

local streams = {}
local function openStream(name, carrier)
  local stream = streams[name]
  if stream then return stream end
  local found = typeOf(name)
  if found ~= 'none' and found ~= 'stream' then return nil end
  local feeder = redis.call('GET', carrier)
  stream = {carrier = carrier, last = '0-0', first = nil, isOurs = feeder == journal}
  if found == 'stream' then
    local facts = redis.call('XINFO', 'STREAM', name)
    for i = 1, #facts, 2 do
      if facts[i] == 'last-generated-id' then stream.last = facts[i + 1] end
    end
    local entry = redis.call('XRANGE', name, '-', '+', 'COUNT', 1)[1]
    if entry then stream.first = entry[1] end
    -- Sequences of two journals do not compare: what passes for a repetition could be another record.
    if feeder and not stream.isOurs then stream.isClosed = true end
  end
  streams[name] = stream
  return stream
end

-- Whether the stream has this very record under its id.
local function holds(name, id, fields)
  local entry = redis.call('XRANGE', name, id, id)[1]
  return entry and entry[2][1] == fields[1] and entry[2][2] == fields[2]
end

-- Ids are two 64-bit numbers, which a number of Lua would round.
local function comesAfter(id, other)
  local a, b = string.match(id, '^(%d+)-(%d+)$')
  local c, d = string.match(other, '^(%d+)-(%d+)$')
  if a == c then a, c = b, d end
  if #a ~= #c then return #a > #c end
  return a > c
end

local steps, outweighed, number = {}, 0, 0
while at <= #ARGV do
  number = number + 1
  local kind = take()
  if kind == 'A' then
    local name, carrier = key(), key()
    local id = take()
    local fields = takeList(tonumber(take()))
    local stream = openStream(name, carrier)
    if not stream then return {'foreign', number} end
    if stream.isClosed then return {'behind', number} end
    if comesAfter(id, stream.last) then
      steps[#steps + 1] = {kind = 'A', key = name, carrier = carrier, id = id, parts = fields}
      stream.last = id
    elseif stream.isOurs and holds(name, id, fields) then
      outweighed = outweighed + 1
    elseif stream.isOurs and limit ~= '0' and (not stream.first or comesAfter(stream.first, id)) then
      outweighed = outweighed + 1
    else
      return {'behind', number}
    end
  else
    local name, carrier = key(), key()
    local from = nil
    if kind == 'U' or kind == 'W' then from = key() end
    local position = take()
    local order = compare(redis.call('GET', carrier), position)
    local step = {kind = kind, key = name, carrier = carrier, position = position}
    if kind == 'P' then
      step.form = take()
      step.parts = takeList(tonumber(take()))
    elseif kind == 'U' or kind == 'W' then
      step.form = take()
      local fields = {}
      for i = 1, tonumber(take()) do fields[i] = {name = take(), tag = take(), text = take()} end
      if order == 0 then from = name end
      if order < 1 then
        if step.form == 'h' then step.parts = mergeHash(from, fields) else step.parts = mergeText(from, fields) end
        if not step.parts and kind == 'U' then return {'missing', number} end
      end
    end
    local isAwaited = kind == 'W' and not step.parts
    if order == 1 then outweighed = outweighed + 1 elseif not isAwaited then steps[#steps + 1] = step end
  end
end

redis.call('HSET', KEYS[1], 'place', ARGV[3], 'checkpoint', ARGV[4])
for _, step in ipairs(steps) do
  if step.kind == 'A' then
    redis.call('SET', step.carrier, journal)
    if limit == '0' then
      redis.call('XADD', step.key, step.id, unpack(step.parts))
    else
      redis.call('XADD', step.key, 'MAXLEN', '~', limit, step.id, unpack(step.parts))
    end
  else
    redis.call('DEL', step.key)
    if step.kind == 'R' then
      redis.call('SET', step.carrier, step.position, 'PX', tombstone)
    else
      redis.call('SET', step.carrier, step.position)
      if step.form == 's' then
        redis.call('SET', step.key, step.parts[1])
      else
        for first = 1, #step.parts, 1000 do
          redis.call('HSET', step.key, unpack(step.parts, first, math.min(first + 999, #step.parts)))
        end
      end
    end
  end
end
return {'ok', outweighed}
`;

/**
 * Takes the lane over, or takes it up again after a connection was lost. KEYS: the lane. ARGV: epoch (0: the next one),
 * writer, journal. A position of another journal is left alone with whoever writes it: its reader will refuse it.
 *
 * C1  The newest opener wins: it takes the next epoch, and older ones are fenced.
 * C2  An epoch below one's own says that the server forgot: the lane is taken up again with one's own.
 */
export const claimScript: string = `-- headwater claim 1
local held = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'writer', 'place', 'checkpoint')
if held[1] and held[1] ~= '1' then return {'version', held[1]} end
local found, own = tonumber(held[2] or '0'), tonumber(ARGV[1])
if held[4] and string.sub(held[4], 1, #ARGV[3] + 1) ~= ARGV[3] .. ' ' then return {'ok', ARGV[1], held[5] or ''} end
if own == 0 then
  own = found + 1
elseif found > own or (found == own and held[3] ~= ARGV[2]) then
  return {'fenced'}
end
local epoch = string.format('%.0f', own)
redis.call('HSET', KEYS[1], 'version', '1', 'epoch', epoch, 'writer', ARGV[2])
return {'ok', epoch, held[5] or ''}
`;
