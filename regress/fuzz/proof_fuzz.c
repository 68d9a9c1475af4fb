/*
 * Records of handshakes: the input is a key's SubjectPublicKeyInfo with two
 * octets of its length in front, and a record.  A record that proves its key
 * proves nothing with one bit changed, a message less or another key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth_proof.h"
#include "msg.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span	 record = span_of(p, n), spki;
	const char	*why = NULL;
	uint8_t		 server[32], *copy;
	uint16_t	 len;
	size_t		 at;

	if (span_get_u16(&record, &len) == -1 ||
	    span_take(&record, len, &spki) == -1)
		return (0);
	if (proof_check(record, spki, server, &why) == -1) {
		if (why == NULL || why[0] == '\0')
			abort();
		return (0);
	}
	if (record.n > MSG_RECORD_MAX || (copy = malloc(record.n)) == NULL)
		abort();
	memcpy(copy, record.p, record.n);
	at = server[0] * 256u + server[1];
	copy[at % record.n] ^= (uint8_t)(1 << (server[2] & 7));
	if (proof_check(span_of(copy, record.n), spki, server, &why) == 0 ||
	    proof_check(span_of(record.p, record.n - 1), spki, server, &why) ==
	    0)
		abort();
	free(copy);
	return (0);
}
