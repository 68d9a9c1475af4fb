/*
 * Every message between the processes, grouped by link.  Payload and meaning
 * of the id stand beside each; the structs are described once, in msg.c, and
 * encoder and decoder read that one table (codec.h).  Strings are UTF-8 or
 * octets from outside, never trusted to be either.
 *
 * R marks a request: it gets exactly one answer of the same type with
 * IMSG_REPLY set.  N marks a notice.
 */
#ifndef MSG_H
#define MSG_H

#include "codec.h"
#include "imsg.h"

#define MSG_ADDR_MAX	1024	/* octets of an address in a message */
#define MSG_NAME_MAX	512	/* of a name, a mechanism, a short text */
#define MSG_TEXT_MAX	2048	/* of a reply text */
#define MSG_SASL_MAX	12288	/* of SASL data, before base64 */
#define MSG_RECORD_MAX	12288	/* of a TLS handshake as a proof */
#define MSG_RCPTS_MAX	100	/* recipients in one message; more: several */

enum msg_type {
	/* parent -> role, at birth, in this order (all N) */
	M_BIRTH = 1,		/* msg_birth */
	M_CONF,			/* octets: next piece of the configuration */
	M_LISTENER,		/* msg_number: index in conf->listeners (control:
				 * 0, the control socket, SOCK_SEQPACKET); fd */
	M_KEYFILE,		/* msg_number: index in conf->certs; fd (keys) */
	M_LOG,			/* fd: where log lines go */
	M_BIRTH_END,
	/* parent -> role, later (N) */
	M_LINK,			/* msg_link; fd.  control also gets log pipes */
	M_LOGPIPE,		/* msg_link; fd (control): log lines of that role */
	M_PREPARE,		/* msg_number: generation; M_CONF, M_LISTENER,
				 * M_KEYFILE before it.  R */
	M_COMMIT,		/* msg_number: generation */
	M_CANCEL,		/* msg_number: generation */
	M_STOP,			/* orderly stop */
	M_LOGFILE,		/* fd (control): a freshly opened log file */
	/* role -> parent (N) */
	M_READY,
	M_FAILED,		/* msg_text: why it cannot come up */
	M_END_PEER,		/* msg_link without name: end and restart it */
	M_LINK_LOST,		/* msg_link without name: this link ended; the
				 * parent makes a new one unless it already has,
				 * with back-off */
	/* control -> parent, fixed verbs (R, answer msg_result) */
	M_DO_RELOAD,
	M_DO_STOP,
	M_DO_STATUS,		/* answer: msg_text, a JSON object a line */
	M_DO_LOGFILE,
	M_LOG_LEVEL,		/* control -> parent -> every role; msg_number (N) */
	/* queued -> parent */
	M_WORKER_START,		/* msg_text: transport (N); the link follows */
	M_WORKER_END,		/* msg_text: transport, idle (N) */

	/* smtpd, front -> auth */
	M_CONN_OPEN = 100,	/* R msg_number: connection; fd: duplicate of the
				 * socket.  Answer msg_conn_opened */
	M_CONN_TLS,		/* N msg_conn_tls, once, after the handshake */
	M_CONN_KEY,		/* R msg_conn_key, once, behind it: the client
				 * showed a certificate.  Answer msg_conn_identity.
				 * An identity is latent: M_SASL_START uses it */
	M_CONN_CLOSED,		/* N msg_number: connection */
	M_SASL_START,		/* R msg_sasl_start; fd: one end of a fresh pair,
				 * or the client's socket.  Answer msg_sasl.
				 * smtpd: of an imsg_pair().  On a unix socket
				 * smtpd sends it by itself, mech EXTERNAL with an
				 * empty initial, right after M_CONN_OPEN's answer */
	M_SASL_STEP,		/* R msg_sasl_step.  Answer msg_sasl */
	M_SASL_ABORT,		/* R msg_number: connection.  Answer msg_sasl */
	/* smtpd, queued -> auth */
	M_RCPT,			/* R msg_text: address.  Answer msg_rcpt */
	M_MAY_USE,		/* R msg_may_use (queued). Answer msg_result */
	M_ACCOUNT_ROUTES,	/* R msg_number: account id (queued). Answer
				 * msg_text: one route a line, letterlock.conf(5) */
	M_ACCOUNT_NAMED,	/* R msg_text: account name (queued, store).
				 * Answer msg_rcpt */
	/* auth -> store, queued */
	M_SESSION,		/* R msg_session; fd.  Answer msg_result */
	M_END_SESSIONS,		/* R msg_end_sessions: end what matches.
				 * Answer msg_number: how many */
	M_ACCOUNT_GONE,		/* R msg_account (store): remove everything of it,
				 * in slices.  Answer msg_result when begun */
	M_MOVE_OUT,		/* R msg_account; fd (store): send all of it there,
				 * and freeze it.  Answer msg_result: the other
				 * side closed after the end */
	M_MOVE_IN,		/* R msg_account; fd (store): read it from there.
				 * Answer msg_result: it is on disk */
	M_MOVE_OFF,		/* R msg_account (store): it stays; 0: all do, but
				 * those that are to go.  Answer msg_result: that
				 * is on disk.  N (queued): what waits for it may
				 * go on */
	M_LIMITS,		/* N msg_limits_list (store): what accounts may
				 * keep, other than the configuration says */
	/* relay -> auth: logging in to the transport's server.  Which transport
	 * that is the link says */
	M_RELAY_LOGIN,		/* R msg_relay_login: what the server offers.
				 * Answer msg_relay_sasl, with mech */
	M_RELAY_STEP,		/* R msg_relay_step.  Answer msg_relay_sasl.  After
				 * DONE and NO the login is over */
	M_RELAY_LEFT,		/* N msg_number: connection; it was given up */
	M_RELAY_SECRET,		/* R msg_number: connection.  Of a transport whose
				 * proxy wants the password itself.  Answer
				 * msg_relay_secret */
	/* auth -> keys */
	M_KEY_CLAIM,		/* R msg_key_claim.  Answer msg_result */

	/*
	 * queued -> smtpd (N) and back: bodies and delivery ids.  A slot is an
	 * unlinked file with two descriptions and an id, smtpd's until it is
	 * settled or committed.  When smtpd's link comes up queued sends 32 of
	 * them by itself.  smtpd writes Received and the message, as it goes out.
	 * Settled: it stays smtpd's, with the id of M_SLOT_ID.  What an earlier
	 * message left behind may still be in it: who reads it reads so many
	 * octets as the request says.  Committed (answer
	 * RESULT_OK): it is queued's, smtpd closes its ends, queued sends another
	 * slot by itself.  Any other answer to a commit: still smtpd's, who
	 * settles it once no store can read it any more.
	 */
	M_SLOT = 200,		/* N msg_slot; fd: the writing end.  smtpd */
	M_SLOT_READ,		/* N msg_slot; fd: the reading end.  smtpd */
	M_SLOT_WANT,		/* N msg_number: smtpd wants so many more slots;
				 * queued sends what its bounds allow, maybe none */
	M_SLOT_SETTLED,		/* N msg_slots: stored or given up, smtpd is done
				 * with them; queued answers with M_SLOT_ID */
	M_SLOT_ID,		/* N msg_slots: the slots' files with new ids */
	M_QUEUE_COMMIT,		/* R msg_commit, preceded by M_QUEUE_RCPTS for more
				 * than MSG_RCPTS_MAX (or than fit a packet).
				 * Local recipients; the octets of the slot are
				 * kept as they are.  Also when NOTIFY asks for
				 * SUCCESS: queued writes reports.  Answer
				 * msg_stored once it is flushed */
	M_QUEUE_RCPTS,		/* N msg_commit, id and recipients are looked at */

	/* smtpd -> queued on a submission session's own link (ROLE_SESSION) */
	M_SUB_MAIL = 250,	/* R msg_sub_mail.  Answer msg_result */
	M_SUB_RCPT,		/* R msg_commit_rcpt.  Answer msg_result */
	M_SUB_DATA,		/* R empty.  Answer msg_slot; fd: the writing end;
				 * without fd: 452 4.3.1.  Written there: the
				 * message without Bcc, with Date and Message-ID,
				 * without our Received */
	M_SUB_COMMIT,		/* R msg_sub_commit.  Answer msg_stored; the
				 * transaction is over in any case */
	M_SUB_RESET,		/* N empty: RSET, failed data; the transaction is
				 * over, the next one begins with M_SUB_MAIL */
	M_SUB_END,		/* queued -> smtpd N msg_text: end with 421 */

	/* smtpd, queued -> store */
	M_DELIVER = 300,	/* R msg_deliver; fd: reading end of the body.
				 * All recipients are taken or none.
				 * Answer msg_stored */
	M_SETTLED,		/* N msg_settled_ids: queued -> store, keys may
				 * go */

	/* queued -> relay */
	M_RELAY = 400,		/* R msg_relay; fd: body, to read.
				 * Answer msg_relay_done */

	/* relay, smtpd, queued -> lookup */
	M_DNS = 500,		/* R msg_dns.  Answer msg_dns_answer */
	M_STS,			/* R msg_sts.  Answer msg_sts_answer */

	/* control <-> auth, queued, store, smtpd, front, lookup */
	M_CTL = 600,		/* R msg_ctl; maybe fd.  Answer msg_ctl_page */

	/* smtpd, front, relay <-> keys: on a link of its own, synchronous */
	M_SIGN = 700		/* R msg_sign.  Answer msg_signature */
};

/* Outcomes, everywhere. */
enum result {
	RESULT_OK,
	RESULT_NO,		/* permanently */
	RESULT_TEMP		/* try again later */
};

struct msg_birth { struct span build; uint8_t role; uint32_t instance;
    struct span name; uint8_t privileged; uint8_t log_level;
    uint64_t conf_size; };
struct msg_number { uint64_t number; };
struct msg_text { struct span text; };
struct msg_link { uint8_t role; uint32_t instance; uint64_t generation;
    struct span name; uint32_t pid; };
struct msg_result { uint8_t result; uint32_t code; struct span enhanced;
    struct span text; };	/* code: SMTP reply code or 0 */

/* --- connections and logins ------------------------------------------- */
struct msg_conn_opened { uint64_t conn; uint8_t allowed; struct span text;
    uint32_t listener; struct span remote; /* "192.0.2.1" */
    uint16_t port; };
struct msg_conn_tls { uint64_t conn; struct span version, cipher, sni;
    /* channel bindings, empty when they do not exist */
    struct span exporter, unique, end_point; };
/* key: SHA-256 of its SubjectPublicKeyInfo; record: the handshake that proves
 * it, tlsctx.h; empty when there is none that could */
struct msg_conn_key { uint64_t conn; struct span key, record; };
enum conn_identity {
	IDENTITY_NONE,		/* as if no certificate had been shown */
	IDENTITY_LATENT,	/* EXTERNAL will do; submission: MAIL too */
	IDENTITY_PREAUTH,	/* and IMAP over implicit TLS begins with it */
	IDENTITY_REFUSED	/* close: BYE [ALERT], 421 4.7.0, with text */
};
struct msg_conn_identity { uint64_t conn; uint8_t identity;
    struct span text; };
enum sasl_proto { SASL_SUBMISSION, SASL_IMAP };
struct msg_sasl_start { uint64_t conn; struct span mech;
    uint8_t has_initial; struct span initial;	/* octets, after base64 */
    struct span tag;		/* IMAP tag, for the store's tagged OK */
    uint8_t login_command;	/* IMAP LOGIN: initial is "user NUL password" */
    uint8_t plain_socket;	/* the fd is the client's own socket */
    struct span pending;	/* octets read past the command, for the store */
    struct span agent;		/* IMAP: the client's name and version, ID */
    uint8_t certificate; };	/* no command of the client: by its key alone.
				 * Mechanism, initial and tag are empty.  IMAP:
				 * the store greets with PREAUTH; submission: at
				 * the first MAIL without AUTH */
struct msg_sasl_step { uint64_t conn; struct span data; };
enum sasl_outcome {
	SASL_MORE,		/* send data as a challenge */
	SASL_OK,		/* in; data, if any, was the last challenge's */
	SASL_BAD_CREDENTIALS,	/* 535 5.7.8, NO [AUTHENTICATIONFAILED] */
	SASL_MALFORMED,		/* 501 5.5.2, BAD */
	SASL_UNKNOWN_MECH,	/* 504 5.5.4, NO */
	SASL_NEEDS_TLS,		/* 538 5.7.11, NO [PRIVACYREQUIRED] */
	SASL_DISABLED,		/* 525 5.7.13 with text, NO with text */
	SASL_UNAVAILABLE,	/* 454 4.7.0, NO [UNAVAILABLE] */
	SASL_ABORTED,		/* 501 5.5.0, BAD */
	SASL_TOO_MANY		/* 421 4.7.0, BYE */
};
struct msg_sasl { uint64_t conn; uint8_t outcome; struct span data;
    struct span text; uint32_t delay_ms;	/* wait before answering */
    struct span account, address; };	/* SASL_OK on submission */
struct msg_session { uint64_t account; uint32_t partition;
    struct span name;		/* account */
    struct span address;	/* login address */
    struct span mech, key, remote;
    uint64_t conn;		/* for logs */
    uint32_t instance;		/* of the smtpd or front it came through */
    uint8_t proto;		/* enum sasl_proto */
    uint8_t tls;
    uint8_t preauth;		/* IMAP: greet with PREAUTH */
    uint8_t admin;		/* by peer uid */
    struct span tag, pending;
    uint32_t listener;
    uint64_t password_serial; };
struct msg_end_sessions { uint64_t account;	/* 0: any */
    struct span key;		/* empty: any */
    uint64_t serial_below;	/* sessions opened by a password older than this */
    uint64_t session;		/* one session id, or 0 */
    struct span why; };
struct msg_account { uint64_t account; uint32_t partition; };
/* 0: the configuration's, 1: no limit, else a number and one more. */
struct msg_limits { uint64_t account, octets, messages; };
struct msg_limits_list { uint8_t whole;	/* it and what follows replace all */
    struct list limits; };	/* struct msg_limits, MSG_RCPTS_MAX at most */
struct msg_rcpt { uint8_t result;	/* enum result; NO: unknown */
    uint64_t account; uint32_t partition;
    struct span name;		/* account */
    struct span address;	/* canonical */
    uint8_t local;		/* the domain is ours (also when unknown) */
    struct span text; };
enum relay_sasl {
	RELAY_SASL_SEND,	/* data */
	RELAY_SASL_EMPTY,	/* an empty initial response */
	RELAY_SASL_NOTHING,	/* none; an empty line later on */
	RELAY_SASL_DONE,	/* in, and that is proven */
	RELAY_SASL_NO		/* abort; text says why */
};
struct msg_relay_login { uint64_t conn; struct span offered;
    uint8_t tls, verified;
    uint8_t key;		/* our certificate was shown */
    struct span exporter, unique, end_point; };
struct msg_relay_secret { uint8_t result; struct span user, password, text; };
struct msg_relay_step { uint64_t conn; uint8_t success;	/* 235 */
    struct span data; };
struct msg_relay_sasl { uint64_t conn; uint8_t outcome;
    struct span mech, data, text; };
/* digest: the name, tlsproof_claim(), of a signature of a server that the
 * handshake of a client carries.  Did keys make it for that process in the last
 * minute, and did nobody claim it before?  RESULT_OK, or RESULT_NO */
struct msg_key_claim { uint8_t digest[32]; uint8_t role; uint32_t instance; };
struct msg_may_use { uint64_t account; struct span address;	/* empty: any */
    struct span key; };		/* that opened the session, or empty */

/* --- queue ------------------------------------------------------------- */
struct msg_slot { uint32_t slot; uint8_t id[16];
    uint32_t partition; };	/* M_SLOT_SETTLED: where it was delivered, its
				 * keys may go; UINT32_MAX: nowhere.  Else 0 */
#define MSG_SLOTS_MAX	64
struct msg_slots { struct list slots; };	/* struct msg_slot */
struct msg_commit_rcpt { struct span address, orcpt; uint32_t notify;
    uint64_t account; uint32_t partition;	/* 0 when not local */
    struct span name; };
#define NOTIFY_NEVER	0x01u
#define NOTIFY_SUCCESS	0x02u
#define NOTIFY_FAILURE	0x04u
#define NOTIFY_DELAY	0x08u
/*
 * orcpt, envid: as on the wire, "rfc822;xtext", checked; empty: none.
 * notify 0: none given.  address: without <> and route, the domain an A-label
 * or, with utf8, as it came; a local part quoted only if it must be.
 * size: octets in the file.
 */
struct msg_commit { uint8_t id[16]; uint64_t size; struct span from;
    struct span envid; uint8_t ret;	/* 0 none, 1 FULL, 2 HDRS */
    uint8_t utf8, body;		/* body: 0 7BIT, 1 8BITMIME, 2 BINARYMIME */
    uint8_t requiretls;		/* its sender asked for it */
    struct span session;	/* smtpd's session id, for logs */
    struct span remote;		/* address of the client */
    uint8_t shown;		/* a store was given the slot's file */
    struct list rcpts; };	/* struct msg_commit_rcpt */
struct msg_stored { uint8_t result; uint32_t code; struct span enhanced;
    struct span text; struct span queueid; };
#define MSG_MOVING	"4.2.1"	/* enhanced: until M_MOVE_OFF, or not there now */
struct msg_sub_mail { struct span from, envid; uint8_t ret, utf8, body;
    uint64_t size; uint8_t requiretls; struct span session;
    uint64_t hold;		/* seconds from now, RFC 4865; 0: at once */
    struct span future; };	/* the same as a report shows it, "for;60" */
#define MSG_HOLD_MAX	(60 * 86400)
#define MSG_FUTURE_MAX	64	/* octets */
/* received: our Received field, whole lines with CRLF, to stand in front. */
struct msg_sub_commit { uint8_t id[16]; uint64_t size;	/* of the file */
    struct span received; };	/* fields to stand before the file's octets,
				 * lines with CRLF; or empty */
struct msg_deliver_rcpt { uint64_t account; struct span address, name; };
struct msg_deliver { uint8_t id[16]; uint32_t partition; uint64_t size;
    struct span from; struct span session; struct list rcpts; };
struct msg_settled { uint8_t id[16]; uint32_t partition; };
struct msg_settled_ids { struct list ids; };	/* struct msg_settled */
/* What the sender says about TLS on the way, RFC 8689: msg_relay.requiretls. */
enum { REQUIRETLS_NONE, REQUIRETLS_ALL, REQUIRETLS_NO };
struct msg_relay_rcpt { uint64_t id; struct span address, orcpt;
    uint32_t notify; };
struct msg_relay { uint64_t id; struct span from; uint64_t size;
    struct span destination;	/* domain or [literal], A-label */
    struct span envid; uint8_t ret, utf8, body, requiretls;
    struct list rcpts; };
struct msg_relay_result { uint64_t id; uint8_t result; uint32_t code;
    struct span enhanced, text; };
struct msg_relay_done { uint64_t id; struct span host, address, tls;
    uint8_t dsn;		/* the next hop knows DSN */
    struct list results; };	/* struct msg_relay_result, every recipient */

/* --- DNS ---------------------------------------------------------------- */
enum dns_status { DNS_OK, DNS_NODATA, DNS_NXDOMAIN, DNS_TEMPFAIL, DNS_BOGUS };
enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15,
    DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_TLSA = 52 };
struct msg_dns { struct span name; uint16_t type; };
/* rdata as in the wire format, names inside uncompressed; at most 100 */
struct msg_dns_record { struct span rdata; };
/*
 * MTA-STS.  A worker asks queued, which keeps policies, by the domain; queued
 * asks lookup, with the id of the policy that it has, or none.
 */
enum sts_status {
	STS_NONE,		/* no policy is published */
	STS_POLICY,		/* text is one, as mtasts_parse() reads it */
	STS_SAME,		/* lookup: it is the one of that id still */
	STS_FAILED,		/* lookup: it cannot be had; text says why */
	STS_TEMPFAIL		/* DNS does not say whether there is one */
};
#define MSG_STS_TEXT	12288
struct msg_sts { struct span domain, id; };
struct msg_sts_answer { uint8_t status; struct span id, text; };
struct msg_dns_answer { uint8_t status; uint8_t secure; uint32_t ttl;
    struct span canonical;	/* owner name after CNAMEs */
    struct list records; };

/* --- control ------------------------------------------------------------ */
struct msg_ctl_arg { struct span arg; };
/*
 * verb: "account list"; args: positional; flags as "--name", "value" pairs.
 * cursor: empty at first, then what the page before said.  uid: of the
 * administrator, as the kernel told control.
 */
struct msg_ctl { struct span verb; struct list args; struct span cursor;
    uint32_t uid; };
struct msg_ctl_row { struct span json; };	/* one JSON object */
/* status 0: done; 1: an error, text says it; more: ask again with cursor */
struct msg_ctl_page { uint8_t status; struct span text; uint8_t more;
    struct span cursor; struct list rows; };

/* --- signing ------------------------------------------------------------- */
enum sign_op { SIGN_RSA_PKCS1, SIGN_RSA_PSS, SIGN_ECDSA, SIGN_ED25519 };
struct msg_sign { uint8_t key[32]; uint8_t op; uint32_t hash; /* NID */
    struct span data; };
struct msg_signature { uint8_t result; struct span signature; };

/*
 * The answer to a request, NULL when none came: RESULT_TEMP then, and when it is
 * none.  -1: it is malformed.
 */
int	 msg_get_result(struct imsg *, struct msg_result *);
int	 msg_get_stored(struct imsg *, struct msg_stored *);

extern const struct codec
    c_birth, c_number, c_text, c_link, c_result, c_conn_opened, c_conn_tls,
    c_conn_key, c_conn_identity, c_key_claim, c_relay_login, c_relay_step,
    c_relay_sasl, c_relay_secret,
    c_sasl_start, c_sasl_step, c_sasl, c_session, c_end_sessions, c_account, c_limits_list,
    c_rcpt, c_may_use, c_slot, c_slots, c_settled_ids, c_commit_rcpt, c_commit, c_stored, c_sub_mail,
    c_sub_commit, c_deliver_rcpt, c_deliver, c_settled, c_relay, c_relay_done,
    c_dns, c_dns_answer, c_sts, c_sts_answer, c_ctl, c_ctl_page, c_sign, c_signature;

#endif
