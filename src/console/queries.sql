-- SPDX-License-Identifier: Apache-2.0
-- Statements of the console.

-- name: console_staff_by_email
SELECT id, email, name, role, password_hash, lang, failures, locked_until
  FROM console_staff
 WHERE email = :email
   AND ended_at IS NULL

-- name: console_staff_by_id
SELECT id, email, name, role, password_hash, lang
  FROM console_staff
 WHERE id = :id
   AND ended_at IS NULL

-- name: console_staff_list
SELECT id, email, name, role, created_at, signed_in_at, ended_at
  FROM console_staff
 ORDER BY ended_at IS NOT NULL, role, email

-- name: console_staff_count_owners
SELECT count(*) AS n
  FROM console_staff
 WHERE role = 'owner'
   AND ended_at IS NULL

-- name: console_staff_insert
INSERT INTO console_staff (id, email, name, role, password_hash, created_at)
VALUES (:id, :email, :name, :role, :password_hash, :now)

-- name: console_staff_failed
UPDATE console_staff
   SET failures = failures + 1,
       locked_until = :locked_until
 WHERE id = :id

-- name: console_staff_signed_in
UPDATE console_staff
   SET failures = 0,
       locked_until = 0,
       signed_in_at = :now
 WHERE id = :id

-- name: console_staff_set_password
UPDATE console_staff
   SET password_hash = :password_hash
 WHERE id = :id

-- name: console_staff_end
UPDATE console_staff
   SET ended_at = :now
 WHERE id = :id
   AND ended_at IS NULL

-- name: console_session_insert
INSERT INTO console_session (id, staff_id, token_hash, csrf_key, created_at, seen_at, strong_at, ends_at, ip_prefix)
VALUES (:id, :staff, :token_hash, :csrf_key, :now, :now, :now, :ends_at, :ip_prefix)

-- name: console_session_by_token
SELECT console_session.id AS id, staff_id, csrf_key, console_session.created_at AS created_at, seen_at, strong_at,
       name, role, lang
  FROM console_session
  JOIN console_staff ON console_staff.id = staff_id
 WHERE token_hash = :token_hash
   AND console_staff.ended_at IS NULL

-- name: console_session_touch
UPDATE console_session
   SET seen_at = :now
 WHERE id = :id
   AND seen_at < :now

-- name: console_session_drop
DELETE FROM console_session
 WHERE id = :id

-- name: console_session_drop_staff
DELETE FROM console_session
 WHERE staff_id = :staff
   AND id <> :except

-- name: console_link_insert
INSERT INTO console_link (token_hash, role, email, made_by, created_at, expires_at)
VALUES (:token_hash, :role, :email, :made_by, :now, :expires_at)

-- name: console_link_by_token
SELECT role, email
  FROM console_link
 WHERE token_hash = :token_hash
   AND expires_at > :now

-- name: console_link_drop
DELETE FROM console_link
 WHERE token_hash = :token_hash

-- name: console_audit_page
SELECT seq, at, actor_kind, actor, action, object_kind, object, result, reason
  FROM register_audit
 WHERE seq < :before
   AND (:action IS NULL OR action = :action)
 ORDER BY seq DESC
 LIMIT :limit

-- name: console_audit_actions
SELECT DISTINCT action
  FROM register_audit
 ORDER BY action
