/*
 * What FETCH asks for, RFC 3501 section 6.4.5.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "cursor.h"
#include "seqset.h"

#define FETCH_SECTIONS	64		/* BODY[...] items in one command */
#define FETCH_FIELDS	256		/* names in one HEADER.FIELDS */
#define FETCH_DEPTH	100		/* numbers in a part specifier */

/* Bits of fetch_items.what. */
#define FETCH_UID		0x0001u
#define FETCH_FLAGS		0x0002u
#define FETCH_INTERNALDATE	0x0004u
#define FETCH_RFC822_SIZE	0x0008u
#define FETCH_ENVELOPE		0x0010u
#define FETCH_BODY		0x0020u	/* BODY without brackets */
#define FETCH_BODYSTRUCTURE	0x0040u
#define FETCH_MODSEQ		0x0080u	/* RFC 7162 */
#define FETCH_SAVEDATE		0x0100u	/* RFC 8514 */
#define FETCH_EMAILID		0x0200u	/* RFC 8474 */
#define FETCH_THREADID		0x0400u
#define FETCH_PREVIEW		0x0800u	/* RFC 8970 */

enum section_kind { SECTION_ALL, SECTION_HEADER, SECTION_FIELDS,
    SECTION_FIELDS_NOT, SECTION_TEXT, SECTION_MIME };
/* How the item is called in the answer. */
enum section_form { FORM_BODY, FORM_RFC822, FORM_RFC822_HEADER,
    FORM_RFC822_TEXT, FORM_BINARY, FORM_BINARY_SIZE };	/* RFC 3516 */

struct section {
	enum section_form	 form;
	enum section_kind	 kind;
	int			 peek;
	uint32_t		 part[FETCH_DEPTH];
	size_t			 nparts;
	struct span		*fields;	/* borrowed octets */
	size_t			 nfields;
	int			 partial;
	uint64_t		 offset;	/* <offset.length> */
	uint64_t		 length;
	size_t			 label, labeln;	/* what section_write() made,
						 * where the user keeps it */
	struct span		 text;		/* between the brackets, as given,
						 * for the answer */
};

struct fetch_items {
	uint32_t	 what;
	struct section	*sections;
	size_t		 nsections;
	int		 sets_seen;	/* some section without PEEK */
	uint64_t	 since;		/* CHANGEDSINCE, RFC 7162; 0: all */
	int		 vanished;	/* VANISHED, of the same */
	struct partial	 partial;	/* PARTIAL, RFC 9394; lo 0: none */
};

int	 cur_fetch(struct cursor *, struct fetch_items *);
/* "(" items ")" alone. */
int	 cur_fetch_list(struct cursor *, struct fetch_items *);
void	 fetch_free(struct fetch_items *);
/* The item's name as the answer has it: BODY[1.MIME]<0> ... */
void	 section_write(struct buf *, const struct section *);

#endif
