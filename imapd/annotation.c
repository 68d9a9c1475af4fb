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

/* Is there room for it, in the place of what it replaces? */
static int
fits(struct account *a, uint64_t mailbox, struct span name,
    struct span value)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[KEY_MAX], self[KEY_MAX];
	size_t			 n = 1, octets = name.n + value.n;
	int			 rc;

	key = key_of(self, a, mailbox, name);
	dbenv_iter_init(&it, a->part->annotation, span_of("", 0),
	    key_u64(k, a->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
		if (key.n != 16 + name.n || memcmp(key.p, self, key.n) != 0) {
			n++;
			octets += key.n + val.n;
		}
	dbenv_iter_free(&it);
	if (rc == 0 && n <= ANNOTATIONS && octets <= ANNOTATIONS_OCTETS)
		return (0);
	if (rc == 0)
		errno = EMLINK;
	return (-1);
}

int
annotation_set(struct account *a, uint64_t mailbox, struct span name,
    const struct span *value)
{
	uint8_t	 k[KEY_MAX];

	if (value != NULL) {
		if (fits(a, mailbox, name, *value) == -1)
			return (-1);
		return (dbenv_put(a->part->annotation,
		    key_of(k, a, mailbox, name), *value));
	}
	if (dbenv_del(a->part->annotation, key_of(k, a, mailbox, name)) == -1 &&
	    errno != ENOENT)
		return (-1);
	return (0);
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
