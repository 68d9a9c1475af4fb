/*
 * Between the files of the MIME parser.
 */
#ifndef MIME_INT_H
#define MIME_INT_H

#include "mime.h"

void	 mime_detach(struct mime_parser *, struct mime *);

#endif
