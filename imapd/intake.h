/*
 * A message on its way into a partition: its octets are read once, parsed as
 * they are read, and wait for the transaction that makes them a message.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "imapd/part.h"

struct intake {
	struct part		*part;
	struct body_in		*in;
	struct ready_build	*ready;
	uint64_t		 skip;		/* of the prefix, for crc */
	uint32_t		 crc;		/* of the octets behind it */
	void			(*done)(struct intake *, int error);
	void			*arg;		/* the caller's */
};

/*
 * Read fd from start to end (-1: prefix is all) behind prefix; max octets.
 * Returns 1 when it is in, 0 when done will be called, -1 with errno: EFBIG,
 * ENOSPC, EINVAL, ENOMEM.  intake_free() in any case.
 */
int	 intake_start(struct intake *, struct part *, int fd,
	    struct span prefix, uint64_t size, uint64_t max);
/*
 * Make it a body with so many references, in the open command, and fill body,
 * size and email of the record.
 */
int	 intake_put(struct intake *, uint32_t refs, struct msgrec *);
uint64_t intake_size(const struct intake *);
/* At any time, when it was put too. */
void	 intake_free(struct intake *);

#endif
