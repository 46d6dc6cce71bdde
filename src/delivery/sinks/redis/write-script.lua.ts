/**
 * Data and position in one step. Redis runs a script as a whole, writes it to its append-only file and to replicas as one
 * transaction, and never undoes half of one; so everything that can be refused is looked at before the first write.
 *
 * W1  Nothing is written unless the lane's position is the one that the batch begins at, and this writer holds the lane.
 * W2  The position is the first write: Redis refuses a script for want of memory, disk or replicas only at its first write.
 * W3  A key that carries a newer position of the same journal stays as it is.
 * W4  Reads see the state before the batch: operations of one key were folded into one.
 *
 * KEYS begin with the lane, ARGV with: writer, place before (empty: none), place after, checkpoint after, journal.
 *
 * Answers: ok and how many operations a newer position outweighed; lost, fenced, moved: the position is not as expected;
 * missing, behind, foreign: operation number so and so cannot be carried out.
 */
const guard = `
local held = redis.call('HMGET', KEYS[1], 'writer', 'place')
if not held[1] then return {'lost'} end
if held[1] ~= ARGV[1] then return {'fenced'} end
if (held[2] or '') ~= ARGV[2] then return {'moved'} end
local journal, at, outweighed = ARGV[5], 6, 0
local function take() at = at + 1 return ARGV[at - 1] end
local function takeCount() return tonumber(take()) end
local function takeList(count)
  at = at + count
  return {unpack(ARGV, at - count, at - 1)}
end
local function typeOf(name) return redis.call('TYPE', name)['ok'] end
`;

const movePosition = `redis.call('HSET', KEYS[1], 'place', ARGV[3], 'checkpoint', ARGV[4])`;

/**
 * Values under keys. KEYS: the lane, the key of each operation, what carries the position of each, then what patches read from.
 * ARGV: tombstone in ms, number of operations, and the operations, each with its position behind its letter:
 *
 *   put    H value…      a hash with the names that N count name… said last, in front of an operation
 *          S text        a text
 *   patch  U form(s|h) count (name tag(=|N|U) text)…   with the fields that the key holds from which it reads
 *          W instead of U: left out when the row is not there, because a copy to come brings it whole
 *   remove R
 *
 * A command costs more than its words, so that keys share one where they can; it takes some 8,000 words.
 */
export const writeKeysScript: string = `-- headwater write keys 1
${guard}
local tombstone, count = take(), takeCount()
local carrierAt, fromAt, step = count + 1, 2 * count + 2, 1000

-- 1: what the key carries is newer, 0: the same, -1: older, of another journal, or nothing.
local source = journal .. ' '
local function compare(carried, position)
  if not carried then return -1 end
  if carried == position then return 0 end
  if string.sub(carried, 1, #source) ~= source then return -1 end
  local place, own = string.match(carried, '^%d+$', #source + 1), string.sub(position, #source + 1)
  if not place or #place ~= #own then return -1 end
  return place > own and 1 or -1
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
  return '{' .. table.concat(members, ',') .. '}'
end

-- The names of hashes, each with a place behind it for the value of a row.
local function takeNames()
  local words = {width = takeCount()}
  for i = 1, words.width do words[2 * i - 1], words[2 * i] = take(), '' end
  return words
end

local function takePatch(from, isSame, name)
  local form, fields = take(), {}
  for i = 1, takeCount() do fields[i] = {name = take(), tag = take(), text = take()} end
  if isSame then from = name end
  if form == 'h' then return mergeHash(from, fields), nil end
  return nil, mergeText(from, fields)
end

-- cleared: keys whose former value goes first; stored: keys and texts in turn; removed, hashes: numbers of operations.
local carried, names, cleared, stored, removed, hashes = {}, nil, {}, {}, {}, {}
local positions, namesOf, valuesAt, merged = {}, {}, {}, {}
for number = 1, count do
  local inStep = (number - 1) % step + 1
  if inStep == 1 then
    local last = math.min(number + step - 1, count)
    carried = redis.call('MGET', unpack(KEYS, carrierAt + number, carrierAt + last))
  end
  local kind = take()
  if kind == 'N' then
    names = takeNames()
    kind = take()
  end
  local position, name, text, isThere = take(), KEYS[number + 1], nil, true
  local order = compare(carried[inStep], position)
  if kind == 'H' then
    namesOf[number], valuesAt[number] = names, at
    at = at + names.width
  elseif kind == 'S' then
    text = take()
  elseif kind ~= 'R' then
    merged[number], text = takePatch(KEYS[fromAt], order == 0, name)
    fromAt = fromAt + 1
    isThere = merged[number] ~= nil or text ~= nil
    if not isThere and kind == 'U' and order < 1 then return {'missing', number} end
  end
  if order == 1 then
    outweighed = outweighed + 1
  elseif isThere then
    if kind == 'R' then
      cleared[#cleared + 1], removed[#removed + 1], positions[number] = name, number, position
    else
      stored[#stored + 1] = KEYS[carrierAt + number]
      stored[#stored + 1] = position
      if text then
        stored[#stored + 1] = name
        stored[#stored + 1] = text
      else
        cleared[#cleared + 1], hashes[#hashes + 1] = name, number
      end
    end
  end
end

${movePosition}
local function callInSteps(command, words)
  for first = 1, #words, step do redis.call(command, unpack(words, first, math.min(first + step - 1, #words))) end
end
callInSteps('DEL', cleared)
callInSteps('MSET', stored)
for _, number in ipairs(removed) do redis.call('SET', KEYS[carrierAt + number], positions[number], 'PX', tombstone) end
for _, number in ipairs(hashes) do
  local words, from = merged[number], valuesAt[number]
  if from then
    words = namesOf[number]
    for i = 1, words.width do words[2 * i] = ARGV[from + i - 1] end
  end
  for first = 1, #words, step do
    redis.call('HSET', KEYS[number + 1], unpack(words, first, math.min(first + step - 1, #words)))
  end
end
return {'ok', outweighed}
`;

/**
 * Entries of streams. KEYS: the lane, then of each operation the stream and what says which journal feeds it. ARGV: length limit
 * (0: none), then the operations: id count text…, of which the first two are the record's id.
 */
export const writeEntriesScript: string = `-- headwater write entries 1
${guard}
local limit, keyAt = take(), 2
local function key() keyAt = keyAt + 1 return KEYS[keyAt - 1] end

local streams = {}
local function openStream(name, carrier)
  local stream = streams[name]
  if stream then return stream end
  local found = typeOf(name)
  if found ~= 'none' and found ~= 'stream' then return nil end
  local feeder = redis.call('GET', carrier)
  stream = {last = '0-0', first = nil, isOurs = feeder == journal}
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

local steps, number = {}, 0
while at <= #ARGV do
  number = number + 1
  local name, carrier = key(), key()
  local id = take()
  local fields = takeList(takeCount())
  local stream = openStream(name, carrier)
  if not stream then return {'foreign', number} end
  if stream.isClosed then return {'behind', number} end
  if comesAfter(id, stream.last) then
    steps[#steps + 1] = {key = name, carrier = carrier, id = id, parts = fields}
    stream.last = id
  elseif stream.isOurs and holds(name, id, fields) then
    outweighed = outweighed + 1
  elseif stream.isOurs and limit ~= '0' and (not stream.first or comesAfter(stream.first, id)) then
    outweighed = outweighed + 1
  else
    return {'behind', number}
  end
end

${movePosition}
for _, step in ipairs(steps) do
  redis.call('SET', step.carrier, journal)
  if limit == '0' then
    redis.call('XADD', step.key, step.id, unpack(step.parts))
  else
    redis.call('XADD', step.key, 'MAXLEN', '~', limit, step.id, unpack(step.parts))
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
