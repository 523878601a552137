-- SPDX-License-Identifier: Apache-2.0
-- The account module's statements. Times come in as parameters; nothing here asks for the time.

-- ---------------------------------------------------------------- the registration record

-- name: account_insert
INSERT INTO account (id, state, email, email_key, last_name, first_name, street, postcode, city, country, phone,
                     password_hash, language, terms_version, consent_ref, signup_ip, registered_at, changed_at)
VALUES (:id, 'pending', :email, :email_key, :last_name, :first_name, :street, :postcode, :city, :country, :phone,
        :password_hash, :language, :terms_version, :consent_ref, :signup_ip, :now, :now)

-- name: account_by_id
SELECT id, state, email, email_key, last_name, first_name, street, postcode, city, country, phone, password_hash,
       password_version, language, terms_version, consent_ref, signup_ip, registered_at, confirmed_at,
       deactivated_at, erase_at, version, changed_at
  FROM account
 WHERE id = :id

-- name: account_by_email
SELECT id, state, email, email_key, last_name, first_name, street, postcode, city, country, phone, password_hash,
       password_version, language, terms_version, consent_ref, signup_ip, registered_at, confirmed_at,
       deactivated_at, erase_at, version, changed_at
  FROM account
 WHERE email_key = :email_key

-- name: account_email_owner
-- Who holds an address now, or held it within the undo period.
SELECT id AS account
  FROM account
 WHERE email_key = :email_key
 UNION ALL
SELECT account
  FROM account_token
 WHERE email_key = :email_key
   AND kind = 'email_undo'
   AND expires_at > :now
 LIMIT 1

-- name: account_confirm
UPDATE account
   SET state = 'active', confirmed_at = :now, version = version + 1, changed_at = :now
 WHERE id = :id
   AND state = 'pending'

-- name: account_set_profile
UPDATE account
   SET first_name = :first_name, last_name = :last_name, street = :street, postcode = :postcode, city = :city,
       country = :country, phone = :phone, version = version + 1, changed_at = :now
 WHERE id = :id
   AND state = 'active'

-- name: account_set_email
UPDATE account
   SET email = :email, email_key = :email_key, version = version + 1, changed_at = :now
 WHERE id = :id
   AND state = 'active'

-- name: account_set_password
UPDATE account
   SET password_hash = :password_hash, password_version = password_version + 1, version = version + 1,
       changed_at = :now
 WHERE id = :id

-- name: account_rehash
-- The same password under stronger parameters: no new version, open reset mails stay valid.
UPDATE account
   SET password_hash = :password_hash
 WHERE id = :id
   AND password_version = :password_version

-- name: account_set_language
UPDATE account
   SET language = :language, version = version + 1, changed_at = :now
 WHERE id = :id

-- name: account_deactivate
UPDATE account
   SET state = 'deactivated', deactivated_at = :now, erase_at = :erase_at, version = version + 1, changed_at = :now
 WHERE id = :id
   AND state = 'active'

-- name: account_restore
UPDATE account
   SET state = 'active', deactivated_at = NULL, erase_at = NULL, version = version + 1, changed_at = :now
 WHERE id = :id
   AND state = 'deactivated'
   AND erase_at > :now

-- name: account_due_for_erasure
SELECT id
  FROM account
 WHERE erase_at <= :now
 UNION ALL
SELECT id
  FROM account
 WHERE state = 'pending'
   AND registered_at <= :pending_before
 LIMIT 100

-- name: account_delete
DELETE FROM account
 WHERE id = :id

-- name: account_count_state
SELECT count(*) AS n
  FROM account
 WHERE state = :state

-- name: account_registered_since
SELECT count(*) AS n
  FROM account
 WHERE registered_at > :since

-- ---------------------------------------------------------------- list for staff and command line

-- name: account_page
-- Newest first; the last row of a page is where the next begins. '' filters nothing.
SELECT id, state, email, last_name, first_name, language, registered_at, confirmed_at, erase_at
  FROM account
 WHERE (:state = '' OR state = :state)
   AND (:language = '' OR language = :language)
   AND (registered_at < :before_at OR (registered_at = :before_at AND id > :before_id))
 ORDER BY registered_at DESC, id
 LIMIT :limit

-- name: account_page_ascending
SELECT id, state, email, last_name, first_name, language, registered_at, confirmed_at, erase_at
  FROM account
 WHERE (:state = '' OR state = :state)
   AND (:language = '' OR language = :language)
   AND (registered_at > :after_at OR (registered_at = :after_at AND id > :after_id))
 ORDER BY registered_at, id
 LIMIT :limit

-- ---------------------------------------------------------------- tokens of mails and the proof of them

-- name: account_token_insert
INSERT INTO account_token (id, token_hash, account, kind, email, email_key, password_version, created_at, expires_at)
VALUES (:id, :token_hash, :account, :kind, :email, :email_key, :password_version, :now, :expires_at)

-- name: account_token_find
SELECT t.id, t.account, t.email, t.email_key, t.password_version, t.expires_at, a.state,
       a.password_version AS current_version
  FROM account_token AS t
  JOIN account AS a ON a.id = t.account
 WHERE t.token_hash = :token_hash
   AND t.kind = :kind
   AND t.expires_at > :now

-- name: account_token_delete
DELETE FROM account_token
 WHERE id = :id

-- name: account_token_delete_kind
DELETE FROM account_token
 WHERE account = :account
   AND kind = :kind

-- name: account_token_delete_all
DELETE FROM account_token
 WHERE account = :account

-- name: account_token_purge
DELETE FROM account_token
 WHERE expires_at <= :now

-- name: account_proof_insert
INSERT INTO account_proof (id, account, kind, text_version, token_hash, asked_at, asked_prefix)
VALUES (:id, :account, :kind, :text_version, :token_hash, :now, :prefix)

-- name: account_proof_done
UPDATE account_proof
   SET done_at = :now, done_prefix = :prefix
 WHERE token_hash = :token_hash

-- name: account_proof_list
SELECT kind, text_version, asked_at, asked_prefix, done_at, done_prefix
  FROM account_proof
 WHERE account = :account
 ORDER BY asked_at

-- name: account_proof_delete_all
DELETE FROM account_proof
 WHERE account = :account

-- name: account_proof_delete_undone
-- A request that was never confirmed proves nothing once its token is over.
DELETE FROM account_proof
 WHERE done_at IS NULL
   AND asked_at <= :before

-- ---------------------------------------------------------------- failures

-- name: account_lockout_get
SELECT failures, retry_at
  FROM account_lockout
 WHERE account = :account

-- name: account_lockout_put
INSERT INTO account_lockout (account, failures, retry_at, changed_at)
VALUES (:account, :failures, :retry_at, :now)
    ON CONFLICT (account) DO UPDATE
   SET failures = excluded.failures, retry_at = excluded.retry_at, changed_at = excluded.changed_at

-- name: account_lockout_clear
DELETE FROM account_lockout
 WHERE account = :account

-- ---------------------------------------------------------------- sessions

-- name: account_session_insert
INSERT INTO account_session (id, token_hash, account, created_at, seen_at, strong_at, stay, browser, os, ip_prefix)
VALUES (:id, :token_hash, :account, :now, :now, :now, :stay, :browser, :os, :ip_prefix)

-- name: account_session_load
SELECT s.id, s.account, s.created_at, s.seen_at, s.strong_at, s.stay, s.browser, s.os, a.first_name, a.last_name,
       a.language
  FROM account_session AS s
  JOIN account AS a ON a.id = s.account
 WHERE s.token_hash = :token_hash
   AND a.state = 'active'

-- name: account_session_touch
UPDATE account_session
   SET seen_at = :seen_at
 WHERE id = :id
   AND seen_at < :seen_at

-- name: account_session_renew
-- Step-up: a new token for the same session, the old one is worth nothing from now on.
UPDATE account_session
   SET token_hash = :token_hash, strong_at = :now, seen_at = :now, browser = :browser, os = :os
 WHERE id = :id

-- name: account_session_list
SELECT id, created_at, seen_at, strong_at, stay, browser, os, ip_prefix
  FROM account_session
 WHERE account = :account
 ORDER BY seen_at DESC, id

-- name: account_session_count
SELECT count(*) AS n
  FROM account_session
 WHERE account = :account

-- name: account_session_oldest
SELECT id
  FROM account_session
 WHERE account = :account
 ORDER BY seen_at, id
 LIMIT 1

-- name: account_session_delete
DELETE FROM account_session
 WHERE id = :id

-- name: account_session_delete_own
DELETE FROM account_session
 WHERE id = :id
   AND account = :account

-- name: account_session_delete_others
DELETE FROM account_session
 WHERE account = :account
   AND id <> :id

-- name: account_session_delete_all
DELETE FROM account_session
 WHERE account = :account

-- name: account_session_purge
DELETE FROM account_session
 WHERE (stay = 0 AND (seen_at <= :idle_before OR created_at <= :absolute_before))
    OR (stay = 1 AND (seen_at <= :stay_idle_before OR created_at <= :stay_absolute_before))

-- ---------------------------------------------------------------- sign-in log

-- name: account_sign_in_insert
INSERT INTO account_sign_in (id, account, signed_in_at, result, factor, browser, os, ip_prefix)
VALUES (:id, :account, :now, :result, 'password', :browser, :os, :ip_prefix)

-- name: account_sign_in_list
SELECT signed_in_at, result, factor, browser, os, ip_prefix
  FROM account_sign_in
 WHERE account = :account
 ORDER BY signed_in_at DESC, id
 LIMIT :limit

-- name: account_sign_in_known
-- Successful sign-ins so far, and those from this kind of device.
SELECT count(*) AS n, coalesce(sum(browser = :browser AND os = :os), 0) AS same
  FROM account_sign_in
 WHERE account = :account
   AND result = 'ok'

-- name: account_sign_in_delete_all
DELETE FROM account_sign_in
 WHERE account = :account
