/*
 * Structs to octets and back, by a table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define LIST_MAX	65536	/* elements, whatever a table says */

static int	 put_list(struct buf *, const struct field *,
		    const struct list *);
static int	 get_list(struct span *, const struct field *, struct list *);
static int	 get_field(struct span *, const struct field *, uint8_t *);

static int
put_list(struct buf *b, const struct field *f, const struct list *l)
{
	const uint8_t	*e = l->v;
	size_t		 i;

	if (l->n > f->size || l->n > LIST_MAX) {
		errno = EMSGSIZE;
		return (-1);
	}
	if (buf_put_u32(b, (uint32_t)l->n) == -1)
		return (-1);
	for (i = 0; i < l->n; i++, e += f->sub->size)
		if (codec_put(b, f->sub, e) == -1)
			return (-1);
	return (0);
}

int
codec_put(struct buf *b, const struct codec *c, const void *v)
{
	const struct field	*f;
	const uint8_t		*p;
	const char		*cstr;
	struct span		 s;
	uint16_t		 u16;
	uint32_t		 u32;
	uint64_t		 u64;
	int			 rc = 0;

	for (f = c->f; f < c->f + c->n && rc == 0; f++) {
		p = (const uint8_t *)v + f->off;
		switch (f->type) {
		case FT_U8:
			rc = buf_put_u8(b, *p);
			break;
		case FT_U16:
			memcpy(&u16, p, sizeof(u16));
			rc = buf_put_u16(b, u16);
			break;
		case FT_U32:
			memcpy(&u32, p, sizeof(u32));
			rc = buf_put_u32(b, u32);
			break;
		case FT_U64:
			memcpy(&u64, p, sizeof(u64));
			rc = buf_put_u64(b, u64);
			break;
		case FT_RAW:
			rc = buf_add(b, p, f->size);
			break;
		case FT_STR:
			memcpy(&s, p, sizeof(s));
			if (s.n > f->size) {
				errno = EMSGSIZE;
				return (-1);
			}
			rc = buf_put_str(b, s);
			break;
		case FT_CSTR:
			memcpy(&cstr, p, sizeof(cstr));
			if (cstr != NULL && strlen(cstr) > f->size) {
				errno = EMSGSIZE;
				return (-1);
			}
			rc = buf_put_cstr(b, cstr);
			break;
		case FT_LIST:
			rc = put_list(b, f, (const struct list *)
			    (const void *)p);
			break;
		}
	}
	return (rc);
}

static int
get_list(struct span *s, const struct field *f, struct list *l)
{
	uint8_t		*e;
	uint32_t	 n;

	if (span_get_u32(s, &n) == -1 || n > f->size || n > LIST_MAX ||
	    n > s->n)		/* an element takes an octet at the least */
		return (-1);
	if (n == 0)
		return (0);
	if ((l->v = calloc(n, f->sub->size)) == NULL)
		return (-1);
	for (e = l->v; l->n < n; l->n++, e += f->sub->size)
		if (codec_get(s, f->sub, e) == -1)
			return (-1);
	return (0);
}

static int
get_field(struct span *s, const struct field *f, uint8_t *p)
{
	struct span	 str;
	char		*cstr;
	uint16_t	 u16;
	uint32_t	 u32;
	uint64_t	 u64;

	switch (f->type) {
	case FT_U8:
		return (span_get_u8(s, p));
	case FT_U16:
		if (span_get_u16(s, &u16) == -1)
			return (-1);
		memcpy(p, &u16, sizeof(u16));
		return (0);
	case FT_U32:
		if (span_get_u32(s, &u32) == -1)
			return (-1);
		memcpy(p, &u32, sizeof(u32));
		return (0);
	case FT_U64:
		if (span_get_u64(s, &u64) == -1)
			return (-1);
		memcpy(p, &u64, sizeof(u64));
		return (0);
	case FT_RAW:
		return (span_get_raw(s, p, f->size));
	case FT_STR:
		if (span_get_str(s, &str) == -1 || str.n > f->size)
			return (-1);
		memcpy(p, &str, sizeof(str));
		return (0);
	case FT_CSTR:
		if (span_get_str(s, &str) == -1 || str.n > f->size ||
		    (cstr = span_dup(str)) == NULL)
			return (-1);
		memcpy(p, &cstr, sizeof(cstr));
		return (0);
	case FT_LIST:
		return (get_list(s, f, (struct list *)(void *)p));
	}
	return (-1);
}

int
codec_get(struct span *s, const struct codec *c, void *v)
{
	const struct field	*f;

	memset(v, 0, c->size);
	for (f = c->f; f < c->f + c->n; f++)
		if (get_field(s, f, (uint8_t *)v + f->off) == -1) {
			codec_free(c, v);
			errno = EBADMSG;
			return (-1);
		}
	return (0);
}

void
codec_free(const struct codec *c, void *v)
{
	const struct field	*f;
	struct list		*l;
	char			*cstr;
	size_t			 i;

	for (f = c->f; f < c->f + c->n; f++) {
		if (f->type == FT_CSTR) {
			memcpy(&cstr, (uint8_t *)v + f->off, sizeof(cstr));
			if (cstr != NULL)	/* may be a secret */
				explicit_bzero(cstr, strlen(cstr));
			free(cstr);
		}
		if (f->type != FT_LIST)
			continue;
		l = (struct list *)(void *)((uint8_t *)v + f->off);
		for (i = 0; i < l->n; i++)
			codec_free(f->sub, (uint8_t *)l->v + i * f->sub->size);
		free(l->v);
	}
	memset(v, 0, c->size);
}
