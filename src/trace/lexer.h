/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C text as tokens, as far as rewriting needs it: words, numbers, literals, and punctuation one character each. Space
 * and comments are skipped, so that what stands between two tokens can be copied as it is. The text stays the caller's.
 */
#ifndef PILUS_TRACE_LEXER_H
#define PILUS_TRACE_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_STRING, TOKEN_CHARACTER, TOKEN_PUNCTUATION };

struct token {
	enum token_kind kind;
	const char *start;
	size_t length;
	bool in_directive; /* on the (continued) line of a # */
};

struct tokens {
	struct token *list;
	size_t count;
};

/* Never fails: what C would refuse, the compiler will. */
void tokens_read(struct tokens *tokens, const char *text);
void tokens_clear(struct tokens *tokens);

bool token_is(const struct token *token, const char *text);

/* Beyond the end there is a token that is nothing. */
const struct token *token_at(const struct tokens *tokens, size_t index);

/* The index of the bracket that closes the one at `index`, or the count when none does. Where branches of an #if have a
 * bracket each to open what is closed once, that is, for all but the last, the # of the next branch. */
size_t tokens_closing(const struct tokens *tokens, size_t index);

/* A copy of the token's text; the caller frees it. */
char *token_text(const struct token *token);

#endif
