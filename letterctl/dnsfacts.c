/*
 * What is configured and ought to be in DNS; see dnsfacts.h.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "dnsfacts.h"

static void	 row(void *, struct span);
static char	*copy(struct json_object *);

static struct fact	*facts;
static size_t		 nfacts;

static char *
copy(struct json_object *v)
{
	const char	*s = json_object_get_string(v);
	char		*out = strdup(s == NULL ? "" : s);

	if (out == NULL)
		err(EXIT_REFUSED, NULL);
	return (out);
}

static void
clear(struct fact *f)
{
	size_t	 i;

	free(f->kind);
	free(f->name);
	free(f->host);
	for (i = 0; i < f->nips; i++)
		free(f->ips[i]);
	free(f->ips);
}

static void
row(void *arg, struct span json)
{
	struct json_object	*o, *v;
	const struct fact	*g = NULL;
	struct fact		*f;
	char			*text = span_dup(json);

	(void)arg;
	f = reallocarray(facts, nfacts + 1, sizeof(*facts));
	if (text == NULL || f == NULL || (o = json_tokener_parse(text)) == NULL)
		err(EXIT_REFUSED, NULL);
	facts = f;
	f = &facts[nfacts++];
	memset(f, 0, sizeof(*f));
	f->kind = copy(json_object_object_get(o, "kind"));
	f->name = copy(json_object_object_get(o, "name"));
	f->host = copy(json_object_object_get(o, "host"));
	if (json_object_object_get_ex(o, "port", &v))
		f->port = json_object_get_int64(v);
	if (json_object_object_get_ex(o, "ips", &v)) {
		f->ips = calloc(json_object_array_length(v) + 1,
		    sizeof(*f->ips));
		if (f->ips == NULL)
			err(EXIT_REFUSED, NULL);
		for (; f->nips < json_object_array_length(v); f->nips++)
			f->ips[f->nips] = copy(json_object_array_get_idx(v,
			    f->nips));
	}
	json_object_put(o);
	free(text);
	/* The same port and key at another address: they are in DNS once. */
	while ((g = next_fact(f->kind, g)) != f)
		if (strcmp(g->name, f->name) == 0 && g->port == f->port) {
			clear(f);
			nfacts--;
			return;
		}
}

void
facts_read(struct ctl *ctl, const char *domain)
{
	struct msg_ctl_arg	 arg = { span_str(domain) };
	struct ctl_ask		 q = { .verb = "dns facts", .args = &arg,
				    .nargs = 1, .stream = -1, .row = row };

	if (ctl_ask(ctl, &q) != EXIT_OK)
		exit(EXIT_REFUSED);
}

void
facts_free(void)
{
	while (nfacts > 0)
		clear(&facts[--nfacts]);
	free(facts);
	facts = NULL;
	nfacts = 0;
}

const struct fact *
next_fact(const char *kind, const struct fact *f)
{
	for (f = f == NULL ? facts : f + 1; f != facts + nfacts; f++)
		if (strcmp(f->kind, kind) == 0)
			return (f);
	return (NULL);
}
