/*
 * Annotations in the database.  See annotation.h.
 */
#include <errno.h>
#include <string.h>

#include "imapd/annotation.h"

#define KEY_MAX	(16 + ANNOTATION_NAME)

static struct span
key_of(uint8_t k[KEY_MAX], const struct account *a, uint64_t mailbox,
    struct span name)
{
	size_t	 i;

	(void)key_u64_2(k, a->id, mailbox);
	for (i = 0; i < name.n; i++)
		k[16 + i] = (uint8_t)(name.p[i] >= 'A' && name.p[i] <= 'Z' ?
		    name.p[i] + ('a' - 'A') : name.p[i]);
	return (span_of(k, 16 + name.n));
}

int
annotation_get(struct account *a, uint64_t mailbox, struct span name,
    struct span *value)
{
	uint8_t	 k[KEY_MAX];

	return (dbenv_get(a->part->annotation, key_of(k, a, mailbox, name),
	    value));
}

int
annotation_next(struct account *a, uint64_t mailbox, struct span prefix,
    struct annotation *at)
{
	struct span	 found;
	uint8_t		 k[KEY_MAX];
	size_t		 n;

	if (at->n == 0)
		at->n = key_of(at->key, a, mailbox, prefix).n;
	else			/* just behind it: no name has a NUL */
		at->key[at->n++] = '\0';
	if (dbenv_next(a->part->annotation, span_of(at->key, at->n), &found,
	    &at->value) == -1)
		return (errno == ENOENT ? 0 : -1);
	n = key_of(k, a, mailbox, prefix).n;
	if (found.n < n || found.n >= KEY_MAX || memcmp(found.p, k, n) != 0)
		return (0);
	memcpy(at->key, found.p, found.n);
	at->n = found.n;
	at->name = span_of(at->key + 16, at->n - 16);
	return (1);
}

int
annotation_is_ours(uint64_t mailbox, struct span name)
{
	return (mailbox == 0 && span_caseprefix(name, ANNOTATION_OURS));
}

/* The same, of a key. */
static int
key_is_ours(struct span key)
{
	static const uint8_t	 none[8];

	return (key.n > 16 && annotation_is_ours(memcmp(key.p + 8, none,
	    sizeof(none)) != 0, span_of(key.p + 16, key.n - 16)));
}

/* Count them, the first time: 0, or -1 with errno. */
static int
count(struct account *a, struct annotation_sum *sum)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[8];
	int			 rc;

	if (sum->known)
		return (0);
	dbenv_iter_init(&it, a->part->annotation, span_of("", 0),
	    key_u64(k, a->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if (key_is_ours(key))
			continue;
		sum->n++;
		sum->octets += key.n + val.n;
	}
	dbenv_iter_free(&it);
	sum->known = rc == 0;
	return (rc);
}

int
annotation_set(struct account *a, uint64_t mailbox, struct span name,
    const struct span *value, struct annotation_sum *sum)
{
	struct dbenv_db	*db = a->part->annotation;
	struct span	 key, old;
	uint8_t		 k[KEY_MAX];
	int		 was;

	key = key_of(k, a, mailbox, name);
	if (value != NULL && annotation_is_ours(mailbox, name))
		return (dbenv_put(db, key, *value));
	if (count(a, sum) == -1 ||
	    ((was = dbenv_get(db, key, &old) == 0) == 0 && errno != ENOENT))
		return (-1);
	if (was && !annotation_is_ours(mailbox, name)) {
		sum->n--;
		sum->octets -= key.n + old.n;
	}
	if (value == NULL)
		return (was ? dbenv_del(db, key) : 0);
	sum->n++;
	sum->octets += key.n + value->n;
	if (sum->n > ANNOTATIONS || sum->octets > ANNOTATIONS_OCTETS) {
		errno = EMLINK;
		return (-1);
	}
	return (dbenv_put(db, key, *value));
}

int
annotation_copy(struct account *a, uint64_t from, uint64_t to)
{
	struct annotation	 at = { .n = 0 };
	struct annotation_sum	 sum = { 0 };
	struct buf		 value = { 0 };
	struct span		 s;
	int			 rc;

	while ((rc = annotation_next(a, from, span_of("", 0), &at)) == 1) {
		buf_reset(&value);
		(void)buf_add_span(&value, at.value);
		s = span_buf(&value);
		if (buf_failed(&value) ||
		    annotation_set(a, to, at.name, &s, &sum) == -1) {
			rc = errno == EMLINK ? 0 : -1;
			break;
		}
	}
	buf_free(&value);
	return (rc);
}

int
annotation_remove_all(struct account *a, const uint64_t *mailbox)
{
	struct span	 found, value, at;
	uint8_t		 k[16];
	size_t		 n = mailbox == NULL ? 8 : 16;

	at = mailbox == NULL ? key_u64(k, a->id) : key_u64_2(k, a->id,
	    *mailbox);
	while (dbenv_next(a->part->annotation, at, &found, &value) == 0 &&
	    found.n > n && memcmp(found.p, k, n) == 0)
		if (dbenv_del(a->part->annotation, found) == -1)
			return (-1);
	return (0);
}
