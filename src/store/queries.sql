-- SPDX-License-Identifier: Apache-2.0
-- The statements of the outbox. A row is taken by writing a random token and an end into it (a lease);
-- every later statement on it asks for that token, so that a worker that was too slow changes nothing.

-- name: outbox_put
INSERT INTO outbox (key, kind, activity, subject, body, keep_body, state, tries, created_at, due_at, leased_until)
VALUES (:key, :kind, :activity, :subject, :body, :keep_body, 'waiting', 0, :now, :due, 0)
    ON CONFLICT (key) DO NOTHING

-- name: outbox_lease
-- The row that is due longest, of those nobody has.
UPDATE outbox
   SET lease = :lease, leased_until = :until, tries = tries + 1
 WHERE number = (SELECT number
                   FROM outbox
                  WHERE state = 'waiting' AND kind = :kind AND due_at <= :now AND leased_until <= :now
                  ORDER BY due_at, number
                  LIMIT 1)

-- name: outbox_leased
SELECT number, key, body, tries
  FROM outbox
 WHERE lease = :lease AND state = 'waiting'

-- name: outbox_sent
UPDATE outbox
   SET state = 'sent', ended_at = :now, lease = NULL, leased_until = 0, why = NULL,
       body = CASE keep_body WHEN 1 THEN body END
 WHERE number = :number AND lease = :lease AND state = 'waiting'

-- name: outbox_later
UPDATE outbox
   SET due_at = :due, lease = NULL, leased_until = 0, why = :why
 WHERE number = :number AND lease = :lease AND state = 'waiting'

-- name: outbox_dead
UPDATE outbox
   SET state = 'dead', ended_at = :now, lease = NULL, leased_until = 0, why = :why
 WHERE number = :number AND lease = :lease AND state = 'waiting'

-- name: outbox_abandoned
-- Rows whose last allowed try never came to an end: the program died over them each time.
UPDATE outbox
   SET state = 'dead', ended_at = :now, lease = NULL, leased_until = 0, why = 'never ended'
 WHERE state = 'waiting' AND kind = :kind AND due_at <= :now AND leased_until <= :now AND tries >= :most

-- name: outbox_due
SELECT 1
  FROM outbox
 WHERE state = 'waiting' AND kind = :kind AND due_at <= :now AND leased_until <= :now
 LIMIT 1

-- name: outbox_waiting
SELECT count(*) AS waiting, coalesce(min(created_at), 0) AS oldest
  FROM outbox
 WHERE state = 'waiting' AND kind = :kind

-- name: outbox_drop_subject
DELETE FROM outbox
 WHERE subject = :subject AND state <> 'sent' AND (:kind IS NULL OR kind = :kind)

-- name: outbox_list
-- Newest first, below a number: the pages of the console. The body stays where it is.
SELECT number, key, kind, activity, state, tries, created_at, due_at, ended_at, why, body IS NOT NULL AS has_body
  FROM outbox
 WHERE state = :state AND number < :before
 ORDER BY number DESC
 LIMIT :most

-- name: outbox_counts
SELECT kind, state, count(*) AS rows, min(created_at) AS oldest_at
  FROM outbox
 GROUP BY kind, state
 ORDER BY kind, state

-- name: outbox_state_of
SELECT state, body IS NOT NULL AS has_body
  FROM outbox
 WHERE key = :key

-- name: outbox_resend
UPDATE outbox
   SET state = 'waiting', tries = 0, due_at = :now, ended_at = NULL, lease = NULL, leased_until = 0
 WHERE key = :key AND state = 'dead' AND body IS NOT NULL

-- name: outbox_drop
DELETE FROM outbox
 WHERE key = :key AND state <> 'sent'
