-- SPDX-License-Identifier: Apache-2.0
-- name: register_audit_last
SELECT seq, hash
  FROM register_audit
 ORDER BY seq DESC
 LIMIT 1;

-- name: register_audit_cut_get
SELECT seq, hash
  FROM register_audit_cut
 WHERE one = 1;

-- name: register_audit_add
INSERT INTO register_audit (seq, at, actor_kind, actor, action, object_kind, object, result, reason, request_id, prev_hash, hash)
VALUES (:seq, :at, :actor_kind, :actor, :action, :object_kind, :object, :result, :reason, :request_id, :prev_hash, :hash);

-- name: register_audit_add_address
INSERT INTO register_audit_address (seq, at, ip_prefix)
VALUES (:seq, :at, :ip_prefix);

-- name: register_audit_all
SELECT seq, at, actor_kind, actor, action, object_kind, object, result, reason, request_id, prev_hash, hash
  FROM register_audit
 ORDER BY seq;

-- name: register_audit_old
-- The newest row that is due, of those that stand at the beginning: the clock may have jumped, the chain not.
SELECT seq, hash
  FROM register_audit
 WHERE seq < coalesce((SELECT min(seq)
                         FROM register_audit
                        WHERE at > :before),
                      9223372036854775807)
 ORDER BY seq DESC
 LIMIT 1;

-- name: register_audit_set_cut
UPDATE register_audit_cut
   SET seq = :seq,
       hash = :hash,
       at = :at
 WHERE one = 1;

-- name: register_audit_delete_cut
DELETE FROM register_audit
 WHERE seq <= :seq;

-- name: register_audit_delete_heads
DELETE FROM register_audit_head
 WHERE seq < :seq;

-- name: register_audit_add_head
INSERT INTO register_audit_head (day, at, seq, hash, mac)
VALUES (:day, :at, :seq, :hash, :mac)
ON CONFLICT (day) DO NOTHING;

-- name: register_audit_heads
SELECT day, seq, hash, mac
  FROM register_audit_head
 ORDER BY day;

-- name: register_audit_hash_of
SELECT hash
  FROM register_audit
 WHERE seq = :seq;

-- name: register_ledger_add
INSERT INTO register_retention_ledger (at, activity, rule, count)
VALUES (:at, :activity, :rule, :count);

-- name: register_ledger
SELECT at, activity, rule, count
  FROM register_retention_ledger
 ORDER BY seq;

-- name: register_notice_newest
SELECT version, made_at, hash, text_hash, facts
  FROM register_notice_version
 ORDER BY version DESC
 LIMIT 1;

-- name: register_notice_add
INSERT INTO register_notice_version (version, made_at, document_date, hash, text_hash, facts, changes, html_de, html_en, text_de, text_en)
VALUES (:version, :made_at, :document_date, :hash, :text_hash, :facts, :changes, :html_de, :html_en, :text_de, :text_en);

-- name: register_notice_get
SELECT version, made_at, document_date, hash, facts, changes, html_de, html_en, text_de, text_en
  FROM register_notice_version
 WHERE version = :version;

-- name: register_notice_versions
SELECT version, made_at, document_date, changes
  FROM register_notice_version
 ORDER BY version DESC
 LIMIT 200;
