/*
 * Is a descriptor on a file system of another machine?  There locks and
 * fsync() promise less than a database needs.  A list of what Linux calls
 * them; another system has a flag for it and a file of its own.
 */
#include <sys/vfs.h>

#include "dbenv_int.h"

static const uint32_t	 networked[] = {
	0x00006969,	/* NFS */
	0x0000517b,	/* SMB */
	0xff534d42,	/* CIFS */
	0xfe534d42,	/* SMB 2 */
	0x00c36400,	/* Ceph */
	0x01021997,	/* 9P */
	0x5346414f,	/* AFS */
	0x6b414653,	/* kAFS */
	0x73757245,	/* Coda */
	0x0000564c,	/* NCP */
	0x0bd00bd0,	/* Lustre */
	0x47504653,	/* GPFS */
	0x01161970,	/* GFS2 */
	0x7461636f,	/* OCFS2 */
};

int
dbenv_network_fs(int fd)
{
	struct statfs	 sf;
	size_t		 i;

	if (fstatfs(fd, &sf) == -1)
		return (-1);
	for (i = 0; i < nitems(networked); i++)
		if ((uint32_t)sf.f_type == networked[i])
			return (1);
	return (0);
}
