/*
 * Mechanisms by name, which of them a server offers, and which one a client
 * takes.
 */
#include "sasl_int.h"

static int	 is_plus(enum sasl_mech);
static int	 client_can(const struct sasl_login *, enum sasl_mech);

const char *const	 sasl_mech_names[SASL_MECHS] = {
	[SASL_MECH_EXTERNAL] = "EXTERNAL",
	[SASL_MECH_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
	[SASL_MECH_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[SASL_MECH_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	[SASL_MECH_SCRAM_SHA_1] = "SCRAM-SHA-1",
	[SASL_MECH_CRAM_MD5] = "CRAM-MD5",
	[SASL_MECH_PLAIN] = "PLAIN",
	[SASL_MECH_LOGIN] = "LOGIN",
};

const char *const	 sasl_step_names[] = {
	[SASL_STEP_MORE] = "more",
	[SASL_STEP_LOOKUP] = "lookup",
	[SASL_STEP_VERIFY] = "verify",
	[SASL_STEP_WORK] = "work",
	[SASL_STEP_DONE] = "done",
	[SASL_STEP_FAIL] = "fail",
	[SASL_STEP_MALFORMED] = "malformed",
	[SASL_STEP_ABORTED] = "aborted",
	[SASL_STEP_ERROR] = "error",
};

const char *const	 sasl_why_names[] = {
	[SASL_WHY_NONE] = "ok",
	[SASL_WHY_PROTOCOL] = "badprotocol",
	[SASL_WHY_USER] = "baduser",
	[SASL_WHY_PASSWORD] = "badpassword",
	[SASL_WHY_BINDING] = "badchanbind",
	[SASL_WHY_AUTHZID] = "badcreds",
	[SASL_WHY_ABORTED] = "aborted",
	[SASL_WHY_MEMORY] = "error",
};

enum sasl_mech
sasl_mech_by_name(struct span name)
{
	int	 i;

	for (i = 0; i < SASL_MECHS; i++)
		if (span_caseeqs(name, sasl_mech_names[i]))
			break;
	return ((enum sasl_mech)i);
}

int
sasl_mech_cleartext(enum sasl_mech m)
{
	return (m == SASL_MECH_PLAIN || m == SASL_MECH_LOGIN);
}

static int
is_plus(enum sasl_mech m)
{
	return (m == SASL_MECH_SCRAM_SHA_256_PLUS ||
	    m == SASL_MECH_SCRAM_SHA_1_PLUS);
}

uint32_t
sasl_mechs_parse(struct span list)
{
	struct span	 name;
	enum sasl_mech	 m;
	uint32_t	 bits = 0;

	while (list.n > 0) {
		(void)span_split(&list, ' ', &name);
		if ((m = sasl_mech_by_name(name)) != SASL_MECHS)
			bits |= SASL_BIT(m);
	}
	return (bits);
}

enum sasl_refusal
sasl_refuse(const struct sasl_facts *f, enum sasl_mech m)
{
	if (m >= SASL_MECHS || (f->mechs & SASL_BIT(m)) == 0)
		return (SASL_NOT_KNOWN);
	if (!f->tls && (f->tls_required || is_plus(m) ||
	    m == SASL_MECH_EXTERNAL ||
	    (sasl_mech_cleartext(m) && !f->cleartext)))
		return (SASL_AFTER_TLS);
	if (is_plus(m) && !scram_bindings_any(&f->bindings))
		return (SASL_NO_BINDING);
	if (m == SASL_MECH_EXTERNAL && f->external.n == 0)
		return (SASL_NO_KEY);
	return (SASL_MAY);
}

uint32_t
sasl_offer(const struct sasl_facts *f)
{
	uint32_t	 bits = 0;
	int		 i;

	for (i = 0; i < SASL_MECHS; i++)
		if (sasl_refuse(f, (enum sasl_mech)i) == SASL_MAY)
			bits |= SASL_BIT(i);
	return (bits);
}

/* Whatever was announced: could it work, and is it safe? */
static int
client_can(const struct sasl_login *l, enum sasl_mech m)
{
	if (m == SASL_MECH_EXTERNAL)
		return (l->tls && l->key);
	if (l->user.n == 0 || l->password.n == 0)
		return (0);
	if (is_plus(m))
		return (l->tls && scram_bindings_any(&l->bindings));
	if (sasl_mech_cleartext(m))
		return ((l->tls && l->trusted) || l->cleartext);
	return (1);
}

enum sasl_mech
sasl_choose(const struct sasl_login *l, uint32_t announced,
    const enum sasl_mech *order, size_t n, enum sasl_mech floor)
{
	enum sasl_mech	 m;
	size_t		 i;

	if (order == NULL)
		n = SASL_MECHS;
	for (i = 0; i < n; i++) {
		m = order == NULL ? (enum sasl_mech)i : order[i];
		if (m < SASL_MECHS && m <= floor &&
		    (announced & SASL_BIT(m)) != 0 && client_can(l, m))
			return (m);
	}
	return (SASL_MECHS);
}

int
sasl_missed_plus(const struct sasl_login *l, enum sasl_mech m,
    uint32_t announced, const enum sasl_mech *order, size_t n)
{
	enum sasl_mech	 plus;
	size_t		 i;
	int		 wanted = order == NULL;

	if (m == SASL_MECH_SCRAM_SHA_256)
		plus = SASL_MECH_SCRAM_SHA_256_PLUS;
	else if (m == SASL_MECH_SCRAM_SHA_1)
		plus = SASL_MECH_SCRAM_SHA_1_PLUS;
	else
		return (0);
	for (i = 0; i < n && !wanted; i++)
		wanted = order[i] == plus;
	return (wanted && client_can(l, plus) &&
	    (announced & SASL_BIT(plus)) == 0);
}
