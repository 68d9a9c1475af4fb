/*
 * Questions to DNS through the running suite; see dnsask.h.
 */
#include <sys/socket.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnsask.h"

static void
unhex(const char *s, struct buf *b)
{
	char	 two[3] = "";

	for (; s[0] != '\0' && s[1] != '\0'; s += 2) {
		two[0] = s[0];
		two[1] = s[1];
		buf_put_u8(b, (uint8_t)strtoul(two, NULL, 16));
	}
}

static void
answered(void *arg, struct span json)
{
	struct dns_answer		*a = arg;
	struct json_object	*o, *v;
	char			*text = span_dup(json);
	size_t			 i;

	if (text == NULL || (o = json_tokener_parse(text)) == NULL) {
		free(text);
		return;
	}
	if (json_object_object_get_ex(o, "status", &v))
		snprintf(a->status, sizeof(a->status), "%s",
		    json_object_get_string(v));
	if (json_object_object_get_ex(o, "secure", &v))
		a->secure = json_object_get_boolean(v);
	if (json_object_object_get_ex(o, "records", &v))
		for (i = 0; i < json_object_array_length(v) &&
		    a->n < DNS_ANSWER_MAX; i++)
			unhex(json_object_get_string(
			    json_object_array_get_idx(v, i)),
			    &a->rdata[a->n++]);
	json_object_put(o);
	free(text);
}

int
dns_ask(struct ctl *ctl, const char *name, const char *type,
    struct dns_answer *a)
{
	struct msg_ctl_arg	 args[] = { { span_str(name) },
				    { span_str(type) } };
	struct ctl_ask		 q = { .verb = "dns query", .args = args,
				    .nargs = 2, .stream = -1, .row = answered,
				    .arg = a };

	memset(a, 0, sizeof(*a));
	if (ctl_ask(ctl, &q) != EXIT_OK)
		exit(EXIT_REFUSED);
	if (strcmp(a->status, "ok") == 0)
		return (a->n > 0);
	return (strcmp(a->status, "nodata") == 0 ||
	    strcmp(a->status, "nxdomain") == 0 ? 0 : -1);
}

void
dns_answer_free(struct dns_answer *a)
{
	size_t	 i;

	for (i = 0; i < a->n; i++)
		buf_free(&a->rdata[i]);
	a->n = 0;
}

size_t
dns_addresses(struct ctl *ctl, const char *name, struct dns_addr *v, size_t max)
{
	static const struct { const char *type; int family; } types[] = {
		{ "A", AF_INET }, { "AAAA", AF_INET6 },
	};
	struct dns_answer	 a;
	size_t		 i, k, n = 0;

	for (k = 0; k < 2; k++) {
		(void)dns_ask(ctl, name, types[k].type, &a);
		for (i = 0; i < a.n && n < max; i++)
			if (dns_addr_get(span_buf(&a.rdata[i]),
			    types[k].family, &v[n]) == 0)
				n++;
		dns_answer_free(&a);
	}
	return (n);
}

int
dns_mx_get(struct span rdata, struct buf *host)
{
	struct span	 preference;

	return (span_take(&rdata, 2, &preference) == -1 ? -1 :
	    dns_name_get(&rdata, host));
}
