/*
 * The fields of every message, once: see msg.h.
 */
#include <string.h>

#include "msg.h"

static const struct field f_birth[] = {
	F_STR(msg_birth, build, MSG_NAME_MAX), F_U8(msg_birth, role),
	F_U32(msg_birth, instance), F_STR(msg_birth, name, MSG_NAME_MAX),
	F_U8(msg_birth, privileged), F_U8(msg_birth, log_level),
	F_U64(msg_birth, conf_size),
};
const struct codec c_birth = CODEC(msg_birth, f_birth);

static const struct field f_number[] = { F_U64(msg_number, number) };
const struct codec c_number = CODEC(msg_number, f_number);

static const struct field f_text[] = { F_STR(msg_text, text, IMSG_MAX) };
const struct codec c_text = CODEC(msg_text, f_text);

static const struct field f_link[] = {
	F_U8(msg_link, role), F_U32(msg_link, instance),
	F_U64(msg_link, generation), F_STR(msg_link, name, MSG_NAME_MAX),
	F_U32(msg_link, pid),
};
const struct codec c_link = CODEC(msg_link, f_link);

static const struct field f_result[] = {
	F_U8(msg_result, result), F_U32(msg_result, code),
	F_STR(msg_result, enhanced, 16), F_STR(msg_result, text, MSG_TEXT_MAX),
};
const struct codec c_result = CODEC(msg_result, f_result);

/* connections and logins */
static const struct field f_conn_opened[] = {
	F_U64(msg_conn_opened, conn), F_U8(msg_conn_opened, allowed),
	F_STR(msg_conn_opened, text, MSG_TEXT_MAX),
	F_U32(msg_conn_opened, listener),
	F_STR(msg_conn_opened, remote, MSG_NAME_MAX),
	F_U16(msg_conn_opened, port),
};
const struct codec c_conn_opened = CODEC(msg_conn_opened, f_conn_opened);

static const struct field f_conn_tls[] = {
	F_U64(msg_conn_tls, conn), F_STR(msg_conn_tls, version, MSG_NAME_MAX),
	F_STR(msg_conn_tls, cipher, MSG_NAME_MAX),
	F_STR(msg_conn_tls, sni, MSG_NAME_MAX),
	F_STR(msg_conn_tls, exporter, 64), F_STR(msg_conn_tls, unique, 64),
	F_STR(msg_conn_tls, end_point, 64),
};
const struct codec c_conn_tls = CODEC(msg_conn_tls, f_conn_tls);

static const struct field f_conn_key[] = {
	F_U64(msg_conn_key, conn), F_STR(msg_conn_key, key, 32),
	F_STR(msg_conn_key, record, MSG_RECORD_MAX),
};
const struct codec c_conn_key = CODEC(msg_conn_key, f_conn_key);

static const struct field f_conn_identity[] = {
	F_U64(msg_conn_identity, conn), F_U8(msg_conn_identity, identity),
	F_STR(msg_conn_identity, text, MSG_TEXT_MAX),
};
const struct codec c_conn_identity = CODEC(msg_conn_identity,
    f_conn_identity);

static const struct field f_relay_login[] = {
	F_U64(msg_relay_login, conn),
	F_STR(msg_relay_login, offered, MSG_TEXT_MAX),
	F_U8(msg_relay_login, tls), F_U8(msg_relay_login, verified),
	F_U8(msg_relay_login, key), F_STR(msg_relay_login, exporter, 64),
	F_STR(msg_relay_login, unique, 64),
	F_STR(msg_relay_login, end_point, 64),
};
const struct codec c_relay_login = CODEC(msg_relay_login, f_relay_login);

static const struct field f_relay_secret[] = {
	F_U8(msg_relay_secret, result),
	F_STR(msg_relay_secret, user, MSG_ADDR_MAX),
	F_STR(msg_relay_secret, password, MSG_ADDR_MAX),
	F_STR(msg_relay_secret, text, MSG_TEXT_MAX),
};
const struct codec c_relay_secret = CODEC(msg_relay_secret, f_relay_secret);

static const struct field f_relay_step[] = {
	F_U64(msg_relay_step, conn), F_U8(msg_relay_step, success),
	F_STR(msg_relay_step, data, MSG_SASL_MAX),
};
const struct codec c_relay_step = CODEC(msg_relay_step, f_relay_step);

static const struct field f_relay_sasl[] = {
	F_U64(msg_relay_sasl, conn), F_U8(msg_relay_sasl, outcome),
	F_STR(msg_relay_sasl, mech, MSG_NAME_MAX),
	F_STR(msg_relay_sasl, data, MSG_SASL_MAX),
	F_STR(msg_relay_sasl, text, MSG_TEXT_MAX),
};
const struct codec c_relay_sasl = CODEC(msg_relay_sasl, f_relay_sasl);

static const struct field f_key_claim[] = {
	F_RAW(msg_key_claim, digest), F_U8(msg_key_claim, role),
	F_U32(msg_key_claim, instance),
};
const struct codec c_key_claim = CODEC(msg_key_claim, f_key_claim);

static const struct field f_sasl_start[] = {
	F_U64(msg_sasl_start, conn), F_STR(msg_sasl_start, mech, MSG_NAME_MAX),
	F_U8(msg_sasl_start, has_initial),
	F_STR(msg_sasl_start, initial, MSG_SASL_MAX),
	F_STR(msg_sasl_start, tag, MSG_NAME_MAX),
	F_U8(msg_sasl_start, login_command), F_U8(msg_sasl_start, plain_socket),
	F_STR(msg_sasl_start, pending, IMSG_MAX),
	F_STR(msg_sasl_start, agent, 256),
	F_U8(msg_sasl_start, certificate),
};
const struct codec c_sasl_start = CODEC(msg_sasl_start, f_sasl_start);

static const struct field f_sasl_step[] = {
	F_U64(msg_sasl_step, conn), F_STR(msg_sasl_step, data, MSG_SASL_MAX),
};
const struct codec c_sasl_step = CODEC(msg_sasl_step, f_sasl_step);

static const struct field f_sasl[] = {
	F_U64(msg_sasl, conn), F_U8(msg_sasl, outcome),
	F_STR(msg_sasl, data, MSG_SASL_MAX), F_STR(msg_sasl, text, MSG_TEXT_MAX),
	F_U32(msg_sasl, delay_ms), F_STR(msg_sasl, account, MSG_NAME_MAX),
	F_STR(msg_sasl, address, MSG_ADDR_MAX),
};
const struct codec c_sasl = CODEC(msg_sasl, f_sasl);

static const struct field f_session[] = {
	F_U64(msg_session, account), F_U32(msg_session, partition),
	F_STR(msg_session, name, MSG_NAME_MAX),
	F_STR(msg_session, address, MSG_ADDR_MAX),
	F_STR(msg_session, mech, MSG_NAME_MAX), F_STR(msg_session, key, 32),
	F_STR(msg_session, remote, MSG_NAME_MAX), F_U64(msg_session, conn),
	F_U32(msg_session, instance),
	F_U8(msg_session, proto), F_U8(msg_session, tls),
	F_U8(msg_session, preauth), F_U8(msg_session, admin),
	F_STR(msg_session, tag, MSG_NAME_MAX),
	F_STR(msg_session, pending, IMSG_MAX), F_U32(msg_session, listener),
	F_U64(msg_session, password_serial),
};
const struct codec c_session = CODEC(msg_session, f_session);

static const struct field f_end_sessions[] = {
	F_U64(msg_end_sessions, account), F_STR(msg_end_sessions, key, 32),
	F_U64(msg_end_sessions, serial_below),
	F_U64(msg_end_sessions, session),
	F_STR(msg_end_sessions, why, MSG_TEXT_MAX),
};
const struct codec c_end_sessions = CODEC(msg_end_sessions, f_end_sessions);

static const struct field f_account[] = {
	F_U64(msg_account, account), F_U32(msg_account, partition),
};
const struct codec c_account = CODEC(msg_account, f_account);

static const struct field f_limits[] = {
	F_U64(msg_limits, account), F_U64(msg_limits, octets),
	F_U64(msg_limits, messages),
};
static const struct codec c_limits = CODEC(msg_limits, f_limits);

static const struct field f_limits_list[] = {
	F_U8(msg_limits_list, whole),
	F_LIST(msg_limits_list, limits, MSG_RCPTS_MAX, &c_limits),
};
const struct codec c_limits_list = CODEC(msg_limits_list, f_limits_list);

static const struct field f_rcpt[] = {
	F_U8(msg_rcpt, result), F_U64(msg_rcpt, account),
	F_U32(msg_rcpt, partition), F_STR(msg_rcpt, name, MSG_NAME_MAX),
	F_STR(msg_rcpt, address, MSG_ADDR_MAX), F_U8(msg_rcpt, local),
	F_STR(msg_rcpt, text, MSG_TEXT_MAX),
};
const struct codec c_rcpt = CODEC(msg_rcpt, f_rcpt);

static const struct field f_may_use[] = {
	F_U64(msg_may_use, account), F_STR(msg_may_use, address, MSG_ADDR_MAX),
	F_STR(msg_may_use, key, 32),
};
const struct codec c_may_use = CODEC(msg_may_use, f_may_use);

/* queue */
static const struct field f_slot[] = {
	F_U32(msg_slot, slot), F_RAW(msg_slot, id), F_U32(msg_slot, partition),
};
const struct codec c_slot = CODEC(msg_slot, f_slot);

static const struct field f_slots[] = {
	F_LIST(msg_slots, slots, MSG_SLOTS_MAX, &c_slot),
};
const struct codec c_slots = CODEC(msg_slots, f_slots);

static const struct field f_commit_rcpt[] = {
	F_STR(msg_commit_rcpt, address, MSG_ADDR_MAX),
	F_STR(msg_commit_rcpt, orcpt, MSG_ADDR_MAX),
	F_U32(msg_commit_rcpt, notify), F_U64(msg_commit_rcpt, account),
	F_U32(msg_commit_rcpt, partition),
	F_STR(msg_commit_rcpt, name, MSG_NAME_MAX),
};
const struct codec c_commit_rcpt = CODEC(msg_commit_rcpt, f_commit_rcpt);

static const struct field f_commit[] = {
	F_RAW(msg_commit, id), F_U64(msg_commit, size),
	F_STR(msg_commit, from, MSG_ADDR_MAX),
	F_STR(msg_commit, envid, MSG_NAME_MAX), F_U8(msg_commit, ret),
	F_U8(msg_commit, utf8), F_U8(msg_commit, body),
	F_U8(msg_commit, requiretls),
	F_STR(msg_commit, session, MSG_NAME_MAX),
	F_STR(msg_commit, remote, MSG_NAME_MAX), F_U8(msg_commit, shown),
	F_LIST(msg_commit, rcpts, MSG_RCPTS_MAX, &c_commit_rcpt),
};
const struct codec c_commit = CODEC(msg_commit, f_commit);

static const struct field f_stored[] = {
	F_U8(msg_stored, result), F_U32(msg_stored, code),
	F_STR(msg_stored, enhanced, 16), F_STR(msg_stored, text, MSG_TEXT_MAX),
	F_STR(msg_stored, queueid, MSG_NAME_MAX),
};
const struct codec c_stored = CODEC(msg_stored, f_stored);

static const struct field f_sub_mail[] = {
	F_STR(msg_sub_mail, from, MSG_ADDR_MAX),
	F_STR(msg_sub_mail, envid, MSG_NAME_MAX), F_U8(msg_sub_mail, ret),
	F_U8(msg_sub_mail, utf8), F_U8(msg_sub_mail, body),
	F_U64(msg_sub_mail, size), F_U8(msg_sub_mail, requiretls),
	F_STR(msg_sub_mail, session, MSG_NAME_MAX),
	F_U64(msg_sub_mail, hold), F_STR(msg_sub_mail, future, MSG_FUTURE_MAX),
};
const struct codec c_sub_mail = CODEC(msg_sub_mail, f_sub_mail);

static const struct field f_sub_commit[] = {
	F_RAW(msg_sub_commit, id), F_U64(msg_sub_commit, size),
	F_STR(msg_sub_commit, received, MSG_TEXT_MAX),
};
const struct codec c_sub_commit = CODEC(msg_sub_commit, f_sub_commit);

static const struct field f_deliver_rcpt[] = {
	F_U64(msg_deliver_rcpt, account),
	F_STR(msg_deliver_rcpt, address, MSG_ADDR_MAX),
	F_STR(msg_deliver_rcpt, name, MSG_NAME_MAX),
};
const struct codec c_deliver_rcpt = CODEC(msg_deliver_rcpt, f_deliver_rcpt);

static const struct field f_deliver[] = {
	F_RAW(msg_deliver, id), F_U32(msg_deliver, partition),
	F_U64(msg_deliver, size), F_STR(msg_deliver, from, MSG_ADDR_MAX),
	F_STR(msg_deliver, session, MSG_NAME_MAX),
	F_LIST(msg_deliver, rcpts, MSG_RCPTS_MAX, &c_deliver_rcpt),
};
const struct codec c_deliver = CODEC(msg_deliver, f_deliver);

static const struct field f_settled[] = {
	F_RAW(msg_settled, id), F_U32(msg_settled, partition),
};
const struct codec c_settled = CODEC(msg_settled, f_settled);

static const struct field f_settled_ids[] = {
	F_LIST(msg_settled_ids, ids, MSG_SLOTS_MAX, &c_settled),
};
const struct codec c_settled_ids = CODEC(msg_settled_ids, f_settled_ids);

static const struct field f_relay_rcpt[] = {
	F_U64(msg_relay_rcpt, id), F_STR(msg_relay_rcpt, address, MSG_ADDR_MAX),
	F_STR(msg_relay_rcpt, orcpt, MSG_ADDR_MAX),
	F_U32(msg_relay_rcpt, notify),
};
static const struct codec c_relay_rcpt = CODEC(msg_relay_rcpt, f_relay_rcpt);

static const struct field f_relay[] = {
	F_U64(msg_relay, id), F_STR(msg_relay, from, MSG_ADDR_MAX),
	F_U64(msg_relay, size), F_STR(msg_relay, destination, MSG_ADDR_MAX),
	F_STR(msg_relay, envid, MSG_NAME_MAX), F_U8(msg_relay, ret),
	F_U8(msg_relay, utf8), F_U8(msg_relay, body),
	F_U8(msg_relay, requiretls),
	F_LIST(msg_relay, rcpts, MSG_RCPTS_MAX, &c_relay_rcpt),
};
const struct codec c_relay = CODEC(msg_relay, f_relay);

static const struct field f_relay_result[] = {
	F_U64(msg_relay_result, id), F_U8(msg_relay_result, result),
	F_U32(msg_relay_result, code), F_STR(msg_relay_result, enhanced, 16),
	F_STR(msg_relay_result, text, MSG_TEXT_MAX),
};
static const struct codec c_relay_result =
    CODEC(msg_relay_result, f_relay_result);

static const struct field f_relay_done[] = {
	F_U64(msg_relay_done, id), F_STR(msg_relay_done, host, MSG_NAME_MAX),
	F_STR(msg_relay_done, address, MSG_NAME_MAX),
	F_STR(msg_relay_done, tls, MSG_NAME_MAX), F_U8(msg_relay_done, dsn),
	F_LIST(msg_relay_done, results, MSG_RCPTS_MAX, &c_relay_result),
};
const struct codec c_relay_done = CODEC(msg_relay_done, f_relay_done);

/* DNS */
static const struct field f_dns[] = {
	F_STR(msg_dns, name, MSG_ADDR_MAX), F_U16(msg_dns, type),
};
const struct codec c_dns = CODEC(msg_dns, f_dns);

static const struct field f_dns_record[] = {
	F_STR(msg_dns_record, rdata, IMSG_MAX),
};
static const struct codec c_dns_record = CODEC(msg_dns_record, f_dns_record);

static const struct field f_dns_answer[] = {
	F_U8(msg_dns_answer, status), F_U8(msg_dns_answer, secure),
	F_U32(msg_dns_answer, ttl), F_STR(msg_dns_answer, canonical,
	    MSG_ADDR_MAX),
	F_LIST(msg_dns_answer, records, 100, &c_dns_record),
};
const struct codec c_dns_answer = CODEC(msg_dns_answer, f_dns_answer);

static const struct field f_sts[] = {
	F_STR(msg_sts, domain, MSG_ADDR_MAX), F_STR(msg_sts, id, 64),
};
const struct codec c_sts = CODEC(msg_sts, f_sts);

static const struct field f_sts_answer[] = {
	F_U8(msg_sts_answer, status), F_STR(msg_sts_answer, id, 64),
	F_STR(msg_sts_answer, text, MSG_STS_TEXT),
};
const struct codec c_sts_answer = CODEC(msg_sts_answer, f_sts_answer);

/* control */
static const struct field f_ctl_arg[] = { F_STR(msg_ctl_arg, arg, IMSG_MAX) };
static const struct codec c_ctl_arg = CODEC(msg_ctl_arg, f_ctl_arg);

static const struct field f_ctl[] = {
	F_STR(msg_ctl, verb, MSG_NAME_MAX),
	F_LIST(msg_ctl, args, 64, &c_ctl_arg),
	F_STR(msg_ctl, cursor, MSG_TEXT_MAX), F_U32(msg_ctl, uid),
};
const struct codec c_ctl = CODEC(msg_ctl, f_ctl);

static const struct field f_ctl_row[] = { F_STR(msg_ctl_row, json, IMSG_MAX) };
static const struct codec c_ctl_row = CODEC(msg_ctl_row, f_ctl_row);

static const struct field f_ctl_page[] = {
	F_U8(msg_ctl_page, status), F_STR(msg_ctl_page, text, IMSG_MAX),
	F_U8(msg_ctl_page, more), F_STR(msg_ctl_page, cursor, MSG_TEXT_MAX),
	F_LIST(msg_ctl_page, rows, 512, &c_ctl_row),
};
const struct codec c_ctl_page = CODEC(msg_ctl_page, f_ctl_page);

/* signing */
static const struct field f_sign[] = {
	F_RAW(msg_sign, key), F_U8(msg_sign, op), F_U32(msg_sign, hash),
	F_STR(msg_sign, data, MSG_RECORD_MAX),
};
const struct codec c_sign = CODEC(msg_sign, f_sign);

static const struct field f_signature[] = {
	F_U8(msg_signature, result), F_STR(msg_signature, signature, 1024),
};
const struct codec c_signature = CODEC(msg_signature, f_signature);

int
msg_get_result(struct imsg *m, struct msg_result *r)
{
	memset(r, 0, sizeof(*r));
	if (m != NULL && imsg_get(m, &c_result, r) == 0 &&
	    r->result <= RESULT_TEMP)
		return (0);
	memset(r, 0, sizeof(*r));
	r->result = RESULT_TEMP;
	return (m == NULL ? 0 : -1);
}

int
msg_get_stored(struct imsg *m, struct msg_stored *r)
{
	memset(r, 0, sizeof(*r));
	if (m != NULL && imsg_get(m, &c_stored, r) == 0 &&
	    r->result <= RESULT_TEMP)
		return (0);
	memset(r, 0, sizeof(*r));
	r->result = RESULT_TEMP;
	return (m == NULL ? 0 : -1);
}

#define NAME(n)	case n: return (&#n[2])

const char *
msg_name(uint32_t type)
{
	switch ((enum msg_type)(type & ~IMSG_REPLY)) {
	NAME(M_BIRTH); NAME(M_CONF); NAME(M_LISTENER); NAME(M_KEYFILE);
	NAME(M_LOG); NAME(M_BIRTH_END); NAME(M_LINK); NAME(M_LOGPIPE);
	NAME(M_PREPARE); NAME(M_COMMIT); NAME(M_CANCEL); NAME(M_STOP);
	NAME(M_LOGFILE); NAME(M_READY); NAME(M_FAILED); NAME(M_END_PEER); NAME(M_LINK_LOST);
	NAME(M_DO_RELOAD); NAME(M_DO_STOP); NAME(M_DO_STATUS);
	NAME(M_DO_LOGFILE); NAME(M_LOG_LEVEL); NAME(M_WORKER_START);
	NAME(M_WORKER_END); NAME(M_CONN_OPEN); NAME(M_CONN_TLS); NAME(M_CONN_KEY);
	NAME(M_CONN_CLOSED); NAME(M_SASL_START); NAME(M_SASL_STEP);
	NAME(M_SASL_ABORT); NAME(M_RCPT); NAME(M_MAY_USE);
	NAME(M_ACCOUNT_ROUTES); NAME(M_ACCOUNT_NAMED); NAME(M_SESSION);
	NAME(M_RELAY_LOGIN); NAME(M_RELAY_STEP); NAME(M_RELAY_LEFT); NAME(M_RELAY_SECRET);
	NAME(M_END_SESSIONS); NAME(M_ACCOUNT_GONE); NAME(M_LIMITS); NAME(M_MOVE_OUT); NAME(M_MOVE_IN); NAME(M_MOVE_OFF); NAME(M_KEY_CLAIM);
	NAME(M_SLOT); NAME(M_SLOT_READ); NAME(M_SLOT_WANT);
	NAME(M_SLOT_SETTLED); NAME(M_SLOT_ID); NAME(M_QUEUE_COMMIT);
	NAME(M_QUEUE_RCPTS); NAME(M_SUB_MAIL); NAME(M_SUB_RCPT);
	NAME(M_SUB_DATA); NAME(M_SUB_COMMIT); NAME(M_SUB_RESET);
	NAME(M_SUB_END); NAME(M_DELIVER); NAME(M_SETTLED); NAME(M_RELAY);
	NAME(M_DNS); NAME(M_STS); NAME(M_CTL); NAME(M_SIGN);
	}
	return ("unknown message");
}
