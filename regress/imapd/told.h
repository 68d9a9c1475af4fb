/*
 * What a client has been told: its own model of the mailbox that it has
 * selected, made of nothing but what the server sent.  Every answer is held
 * against it: numbers that do not exist, a UID that is another message's, fewer
 * messages than before, an EXPUNGE that may not come now are wrong.
 */
#ifndef TOLD_H
#define TOLD_H

#include <stdint.h>

#include "buf.h"

#define TOLD_KEYWORDS	16	/* that it knows apart: "$k0" to "$k9" are */

/* Flags as bits; the keyword $kN is bit TOLD_KEYWORD + N. */
#define TOLD_SEEN	0x01u
#define TOLD_ANSWERED	0x02u
#define TOLD_FLAGGED	0x04u
#define TOLD_DELETED	0x08u
#define TOLD_DRAFT	0x10u
#define TOLD_OTHER	0x20u	/* another keyword */
#define TOLD_KEYWORD	8

#define TOLD_OPENING	1
#define TOLD_RESYNC	2

struct told_msg {
	uint32_t	 uid;		/* 0: not known yet */
	uint32_t	 number;	/* of the text, 0: not known */
	uint32_t	 flags;
	uint8_t		 known;		/* flags are */
	uint8_t		 recent;	/* it was told that it is */
	uint8_t		 due;		/* its flags had to be told */
	uint64_t	 modseq;	/* 0: not known */
};

struct told {
	struct told_msg	*m;
	uint32_t	 n;
	size_t		 cap;
	int		 selected;	/* SELECT is on its way, or was OK */
	int		 opening;	/* SELECT of another is on its way, and
					 * TOLD_RESYNC; until CLOSED it is told
					 * of this one */
	int		 bye;
	int		 qresync;	/* VANISHED, not EXPUNGE */
	int		 condstore;	/* MODSEQ with all flags */
	int		 uidonly;	/* VANISHED, UIDFETCH; as ENABLED says */
	int		 quiet;		/* no EXPUNGE now */
	int		 tolerant;	/* it does not know what it asked for */
	uint32_t	 uidvalidity, uidnext;
	uint32_t	 since;		/* messages that came after SELECT's */
	uint64_t	 highest;	/* of a response code */
	/* What it may come back with, RFC 7162 section 6: a response code's, or
	 * else what FETCH told until a command's end. */
	uint64_t	 held, items;
	int		 coded;		/* since the last tagged answer */
	unsigned	 vanished, fetched, expunged;
	/* what is kept from an earlier session: by UID; while it is brought up
	 * to date, what vanishes or changes does so there as well */
	int		 resyncing;
	struct told_msg	*kept;
	uint32_t	 nkept;
	size_t		 capkept;

	void		*arg;
	/* The tag and what follows it; an untagged one, whole. */
	void		(*tagged)(struct told *, struct span tag,
			    struct span rest);
	void		(*untagged)(struct told *, struct span);
	void		(*fetch)(struct told *, struct told_msg *);
	void		(*bad)(struct told *, const char *why, struct span);

	/* private */
	struct buf	 in;
	size_t		 looked;	/* octets of in that were looked at */
};

/* Octets that came: whole responses are taken in. */
void		 told_take(struct told *, const void *, size_t);
/* Nothing is selected any more; what is kept stays. */
void		 told_closed(struct told *);
/* Nothing is known of a new connection; what is kept stays. */
void		 told_again(struct told *);
void		 told_free(struct told *);

/* Keep a copy of what is known now: 0, -1 when something is not known. */
int		 told_keep(struct told *);
/* After SELECT with QRESYNC: what was kept and told is all there is; without,
 * when all UIDs are told: flags that are not are as they were kept. */
void		 told_resync(struct told *);
void		 told_flags_kept(struct told *);
struct told_msg	*told_kept(const struct told *, uint32_t uid);

/* The number in "Subject: n5", as text or as a quoted string, or 0. */
uint32_t	 told_number(struct span);
/* The bit of a flag. */
uint32_t	 told_flag(struct span);
/* Does a set ("1:3,5") have this number? */
int		 told_in_set(struct span, uint32_t);

#endif
