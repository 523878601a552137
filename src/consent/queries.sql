-- SPDX-License-Identifier: Apache-2.0
-- Statements of the consent room.

-- name: consent_version_newest
SELECT version, made_at, services
  FROM consent_version
 ORDER BY version DESC
 LIMIT 1

-- name: consent_version_all
SELECT version, made_at, services
  FROM consent_version
 ORDER BY version

-- name: consent_version_add
INSERT INTO consent_version (version, made_at, services)
VALUES (:version, :made_at, :services)

-- name: consent_text_add
INSERT INTO consent_text (hash, kind, language, body, first_shown_at)
VALUES (:hash, :kind, :language, :body, :now)
    ON CONFLICT (hash) DO NOTHING

-- name: consent_text_get
SELECT kind, language, body, first_shown_at
  FROM consent_text
 WHERE hash = :hash

-- name: consent_text_known
SELECT COUNT(*) AS known
  FROM consent_text
 WHERE hash = :hash AND kind = 'words' AND language = :language

-- name: consent_record_latest
-- The record in force: the highest seq, not the latest time.
SELECT n, id, seq, account_ref, decided_at, received_at, day, action, granted, denied, policy_version, text_hash,
       ui_hash, language, surface, origin, path, ua_family, ip_prefix, gpc, dnt, conflict, shown_at,
       keep_until_at, prev_hash, hash
  FROM consent_record
 WHERE id = :id
 ORDER BY seq DESC
 LIMIT 1

-- name: consent_record_of_id
SELECT n, id, seq, account_ref, decided_at, received_at, day, action, granted, denied, policy_version, text_hash,
       ui_hash, language, surface, origin, path, ua_family, ip_prefix, gpc, dnt, conflict, shown_at,
       keep_until_at, prev_hash, hash
  FROM consent_record
 WHERE id = :id
 ORDER BY seq DESC
 LIMIT 50

-- name: consent_record_of_account
SELECT n, id, seq, account_ref, decided_at, received_at, day, action, granted, denied, policy_version, text_hash,
       ui_hash, language, surface, origin, path, ua_family, ip_prefix, gpc, dnt, conflict, shown_at,
       keep_until_at, prev_hash, hash
  FROM consent_record
 WHERE account_ref = :ref
 ORDER BY n DESC
 LIMIT 50

-- name: consent_record_of_day
SELECT n, id, seq, account_ref, decided_at, received_at, day, action, granted, denied, policy_version, text_hash,
       ui_hash, language, surface, origin, path, ua_family, ip_prefix, gpc, dnt, conflict, shown_at,
       keep_until_at, prev_hash, hash
  FROM consent_record
 WHERE day = :day
 ORDER BY n

-- name: consent_record_add
INSERT INTO consent_record (id, seq, account_ref, decided_at, received_at, day, action, granted, denied,
                            policy_version, text_hash, ui_hash, language, surface, origin, path, ua_family,
                            ip_prefix, gpc, dnt, conflict, shown_at, keep_until_at, prev_hash, hash)
VALUES (:id, :seq, :account_ref, :decided_at, :received_at, :day, :action, :granted, :denied,
        :policy_version, :text_hash, :ui_hash, :language, :surface, :origin, :path, :ua_family,
        :ip_prefix, :gpc, :dnt, :conflict, :shown_at, :keep_until_at, :prev_hash, :hash)

-- name: consent_record_ids_of_account
-- Every consent id that was ever decided while this account was signed in.
SELECT DISTINCT id
  FROM consent_record
 WHERE account_ref = :ref
   AND id <> :but
 LIMIT 200

-- name: consent_record_forget_account
UPDATE consent_record
   SET account_ref = NULL
 WHERE account_ref = :ref

-- name: consent_record_due
SELECT COUNT(*) AS due
  FROM consent_record
 WHERE keep_until_at <= :now

-- name: consent_record_delete_due
DELETE FROM consent_record
 WHERE n IN (SELECT n FROM consent_record WHERE keep_until_at <= :now ORDER BY n LIMIT 5000)

-- name: consent_record_count
SELECT COUNT(*) AS records
  FROM consent_record

-- name: consent_horizon_set
UPDATE consent_horizon
   SET passed_at = :now
 WHERE one = 1 AND passed_at < :now

-- name: consent_text_delete_unused
DELETE FROM consent_text
 WHERE first_shown_at < :before
   AND hash NOT IN (:ui, :de, :en)
   AND hash NOT IN (SELECT text_hash FROM consent_record)
   AND hash NOT IN (SELECT ui_hash FROM consent_record)

-- name: consent_head_newest
SELECT day, records, last_hash, prev_mac, mac, keep_until_at
  FROM consent_head
 ORDER BY day DESC
 LIMIT 1

-- name: consent_head_of_day
SELECT day, records, last_hash, prev_mac, mac, keep_until_at
  FROM consent_head
 WHERE day = :day

-- name: consent_head_all
SELECT day, records, last_hash, prev_mac, mac, keep_until_at
  FROM consent_head
 ORDER BY day

-- name: consent_head_put
INSERT INTO consent_head (day, records, last_hash, prev_mac, mac, keep_until_at)
VALUES (:day, :records, :last_hash, :prev_mac, :mac, :keep_until_at)
    ON CONFLICT (day) DO UPDATE
   SET records = excluded.records, last_hash = excluded.last_hash, mac = excluded.mac

-- name: consent_account_get
SELECT account, ref, consent_id, policy_version, granted, everywhere, decided_at
  FROM consent_account
 WHERE account = :account

-- name: consent_account_put
INSERT INTO consent_account (account, ref, consent_id, policy_version, granted, everywhere, decided_at)
VALUES (:account, :ref, :consent_id, :policy_version, :granted, :everywhere, :decided_at)
    ON CONFLICT (account) DO UPDATE
   SET consent_id = excluded.consent_id, policy_version = excluded.policy_version, granted = excluded.granted,
       everywhere = excluded.everywhere, decided_at = excluded.decided_at

-- name: consent_account_delete
DELETE FROM consent_account
 WHERE account = :account

-- name: consent_page_views_count
INSERT INTO consent_page_views (visitor, consent_id, views, first_day_at, last_day_at)
VALUES (:visitor, :consent_id, 1, :day, :day)
    ON CONFLICT (visitor) DO UPDATE
   SET views = consent_page_views.views + 1,
       last_day_at = CASE WHEN excluded.last_day_at > consent_page_views.last_day_at
                          THEN excluded.last_day_at ELSE consent_page_views.last_day_at END
 WHERE consent_page_views.consent_id = excluded.consent_id

-- name: consent_page_views_erase
DELETE FROM consent_page_views
 WHERE consent_id = :consent_id

-- name: consent_page_views_bands
-- How often browsers that consented come by: the declared "frequency of page views", as a count only.
SELECT CASE WHEN views = 1 THEN 1 WHEN views <= 5 THEN 2 WHEN views <= 20 THEN 3 ELSE 4 END AS band,
       COUNT(*) AS visitors, SUM(views) AS views
  FROM consent_page_views
 GROUP BY 1
 ORDER BY 1

-- name: consent_decisions_by_day
SELECT day,
       COUNT(*) AS decisions,
       SUM(CASE WHEN action = 'accept_all' THEN 1 ELSE 0 END) AS accept_all,
       SUM(CASE WHEN action = 'necessary_only' THEN 1 ELSE 0 END) AS necessary_only,
       SUM(CASE WHEN action = 'select' THEN 1 ELSE 0 END) AS selected,
       SUM(CASE WHEN action = 'withdraw' THEN 1 ELSE 0 END) AS withdrawn,
       SUM(CASE WHEN action IN ('gpc', 'dnt') THEN 1 ELSE 0 END) AS signals
  FROM consent_record
 WHERE day >= :from
 GROUP BY day
 ORDER BY day DESC

-- name: consent_decisions_by_list
-- Few different lists, many records: the services are told apart in the program.
SELECT granted, denied, COUNT(*) AS decisions
  FROM consent_record
 WHERE day >= :from
 GROUP BY granted, denied
