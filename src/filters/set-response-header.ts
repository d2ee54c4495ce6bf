import { defineHeaderFilter } from '../flow/header-filter.ts';

export default defineHeaderFilter('response');
