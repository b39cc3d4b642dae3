/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define CONDITIONS_MAX 16

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* Past a literal that starts with a quote; an unfinished one ends with its line. */
static const char *skip_literal(const char *at)
{
	char quote = *at++;

	while (*at && *at != quote && *at != '\n')
		at += *at == '\\' && at[1] ? 2 : 1;
	return *at == quote ? at + 1 : at;
}

static const char *skip_comment(const char *at)
{
	const char *end = at[1] == '/' ? at + strcspn(at, "\n") : strstr(at + 2, "*/");

	if (!end)
		return at + strlen(at);
	return at[1] == '/' ? end : end + 2;
}

static void add(struct tokens *tokens, enum token_kind kind, const char *start, const char *end, bool in_directive)
{
	/* Grows by doubling: at the powers of two. */
	if (!(tokens->count & (tokens->count - 1)))
		tokens->list = xrealloc(tokens->list, (2 * tokens->count + 1) * sizeof(*tokens->list));
	tokens->list[tokens->count++] = (struct token){kind, start, (size_t)(end - start), in_directive};
}

static const char *read_token(struct tokens *tokens, const char *at, bool in_directive)
{
	enum token_kind kind = TOKEN_PUNCTUATION;
	const char *end = at + 1;

	if (*at == '"' || *at == '\'') {
		kind = *at == '"' ? TOKEN_STRING : TOKEN_CHARACTER;
		end = skip_literal(at);
	} else if (is_word(*at)) {
		kind = isdigit((unsigned char)*at) ? TOKEN_NUMBER : TOKEN_WORD;
		while (is_word(*end) || (kind == TOKEN_NUMBER && *end == '.'))
			end++;
	}
	add(tokens, kind, at, end, in_directive);
	return end;
}

void tokens_read(struct tokens *tokens, const char *text)
{
	bool line_began = true, in_directive = false;

	*tokens = (struct tokens){};
	while (*text) {
		if (*text == '\\' && text[1] == '\n') {
			text += 2;
		} else if (*text == '\n') {
			line_began = true;
			in_directive = false;
			text++;
		} else if (isspace((unsigned char)*text)) {
			text++;
		} else if (*text == '/' && (text[1] == '/' || text[1] == '*')) {
			text = skip_comment(text);
		} else {
			in_directive |= line_began && *text == '#';
			line_began = false;
			text = read_token(tokens, text, in_directive);
		}
	}
}

void tokens_clear(struct tokens *tokens)
{
	free(tokens->list);
	*tokens = (struct tokens){};
}

bool token_is(const struct token *token, const char *text)
{
	return token->length == strlen(text) && !memcmp(token->start, text, token->length);
}

const struct token *token_at(const struct tokens *tokens, size_t index)
{
	static const struct token none = {TOKEN_PUNCTUATION, "", 0, false};

	return index < tokens->count ? &tokens->list[index] : &none;
}

/* The conditions (#if) that one is inside of, and how many brackets were open where each began: there, each branch of
 * it begins again. */
struct conditions {
	size_t depths[CONDITIONS_MAX];
	size_t count;
};

/* Follows the directive whose # is at `index`. False: it begins another branch of a condition that is not one of
 * these. */
static bool follow_directive(const struct tokens *tokens, size_t index, struct conditions *conditions, size_t *depth)
{
	const struct token *word = token_at(tokens, index + 1);

	if (token_is(word, "if") || token_is(word, "ifdef") || token_is(word, "ifndef")) {
		if (conditions->count < CONDITIONS_MAX)
			conditions->depths[conditions->count++] = *depth;
	} else if (token_is(word, "else") || token_is(word, "elif")) {
		if (!conditions->count)
			return false;
		*depth = conditions->depths[conditions->count - 1];
	} else if (token_is(word, "endif") && conditions->count) {
		conditions->count--;
	}
	return true;
}

size_t tokens_closing(const struct tokens *tokens, size_t index)
{
	char opening = *tokens->list[index].start;
	char closing = opening == '(' ? ')' : opening == '{' ? '}' : ']';
	struct conditions conditions = {};
	size_t depth = 0;

	for (; index < tokens->count; index++) {
		const struct token *token = &tokens->list[index];

		if (token->kind != TOKEN_PUNCTUATION)
			continue;
		if (token->in_directive && *token->start == '#' &&
		    !follow_directive(tokens, index, &conditions, &depth))
			break;
		depth += *token->start == opening;
		if (*token->start == closing && !--depth)
			break;
	}
	return index;
}

char *token_text(const struct token *token)
{
	return xasprintf("%.*s", (int)token->length, token->start);
}
