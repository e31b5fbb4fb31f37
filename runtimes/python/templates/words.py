"""Counts the words of a text: POST …/words with a text or {"text": "…"}, or the same as a plain input."""

import asyncio
import re
from collections import Counter

SAMPLE = "The cloud is just somebody else's computer. This cloud is yours, and this computer is right here."


def text_of(event):
    """The text in a request's body, in an input, or a sample where there is none."""
    if isinstance(event, dict) and "method" in event and "body" in event:
        event = event["body"]
    if isinstance(event, dict):
        event = event.get("text")
    return event if isinstance(event, str) and event.strip() else SAMPLE


async def count_words(text):
    words = re.findall(r"[\w']+", text.lower())
    await asyncio.sleep(0)  # here you would await a database or another service
    return len(words), Counter(word for word in words if len(word) > 3).most_common(3)


async def count_sentences(text):
    return len([part for part in re.split(r"[.!?]+", text) if part.strip()])


async def handler(event, context):
    text = text_of(event)
    (words, top), sentences = await asyncio.gather(count_words(text), count_sentences(text))
    print(f"read {len(text)} characters: {words} words, {sentences} sentences")
    return {"words": words, "sentences": sentences, "top": dict(top), "minutes_to_read": round(words / 200, 2)}
